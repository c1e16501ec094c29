-- Tags: words by which jobs are found. A job's record has its own as a JSON list.
--
-- tagged:<tag>  zset, job → when it was enqueued, as in the indexes of any state
-- tags          zset, each tag that a job has → when a job last got it (ms)
--
-- Where no job has a tag, this costs one EXISTS in a call that forgets a job, and nothing elsewhere.

local leaving_tags, any_tag = {}, nil

local function tagged_key(name) return prefix .. 'tagged:' .. name end

local function each_tag(text, act)
  local ok, names = pcall(cjson.decode, text)
  if not ok or type(names) ~= 'table' then return end
  for _, name in ipairs(names) do
    if type(name) == 'string' then act(name) end
  end
end

-- text: JSON, as it is in the record
local function tag(id, text, enqueued)
  each_tag(text, function(name)
    zadd(tagged_key(name), enqueued, id)
    zadd(prefix .. 'tags', now, name)
  end)
end

-- Before the record goes.
local function untag(id)
  if any_tag == nil then any_tag = redis.call('EXISTS', prefix .. 'tags') == 1 end
  local text = any_tag and redis.pcall('HGET', job_key(id), 'tags')
  if type(text) ~= 'string' then return end
  each_tag(text, function(name)
    zrem(tagged_key(name), id)
    leaving_tags[name] = true
  end)
end

-- A tag that no job has any more is not suggested. Comes after `settle`.
local function settle_tags()
  for name in pairs(leaving_tags) do
    if redis.call('EXISTS', tagged_key(name)) == 0 then redis.call('ZREM', prefix .. 'tags', name) end
  end
  leaving_tags = {}
end
