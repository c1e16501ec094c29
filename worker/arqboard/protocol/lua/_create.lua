-- A new record of a job. One that ended earlier under the same id makes room for it.
--
-- `job` has: id, function, queue, args, kwargs (JSON texts), enqueued, run_at, source, max_tries, timeout; and if they
-- are given: nonce, options (JSON of what this call overrides), priority, tags (JSON list), workflow, node, parent,
-- retry_of, unique, expires_at, schedule, payload_kept.

local GIVEN = { 'nonce', 'options', 'priority', 'workflow', 'node', 'parent', 'retry_of', 'unique', 'expires_at',
  'schedule', 'tags' }

-- The job that this one was made to stand in for says so too.
local function link(id, by)
  local known = redis.pcall('HEXISTS', job_key(id), 'state')
  if known == 1 then change(id, 'retried_as', by) end
end

-- What a job has submitted is listed with it, the newest: a letter for its kind (j job, w workflow) and its id.
local MAX_CHILDREN = 1000
local function belong(parent, kind, id)
  if (parent or '') == '' or redis.pcall('HEXISTS', job_key(parent), 'state') ~= 1 then return end
  local key = prefix .. 'children:' .. parent
  local count = redis.pcall('RPUSH', key, kind .. id)
  if type(count) == 'number' and count > MAX_CHILDREN then redis.call('LTRIM', key, -MAX_CHILDREN, -1) end
end

-- One that was deleted under this id a moment ago can't come back now.
local function forget_deleted(id)
  if redis.call('EXISTS', prefix .. 'deleted:' .. id) == 0 then return end
  redis.call('DEL', prefix .. 'deleted:' .. id, prefix .. 'aside:' .. id, unpack(parts_of(id)))
end

local function create(job)
  local id, fn, queue = job.id, job['function'], job.queue
  forget_deleted(id)
  local old = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function')
  if not old.err and old[1] and old[2] and old[3] then forget(id, old[1], old[2], old[3])
  else redis.call('DEL', job_key(id)) end
  local state = job.run_at > now and 'deferred' or 'queued'
  local more = {}
  for _, name in ipairs(GIVEN) do
    local value = job[name]
    if value and value ~= '' and value ~= cjson.null and value ~= 0 then
      more[#more + 1] = name
      more[#more + 1] = value
    end
  end
  change(id, 'function', fn, 'queue', queue, 'state', state, 'args', job.args, 'kwargs', job.kwargs, 'enqueued',
    job.enqueued, 'run_at', job.run_at, 'source', job.source, 'max_tries', job.max_tries, 'timeout', job.timeout,
    unpack(more))
  index(state, queue, fn, job.run_at, id)
  index('*', queue, fn, job.enqueued, id)
  if (job.tags or '') ~= '' then tag(id, job.tags, job.enqueued) end
  redis.call('SADD', prefix .. 'queues', queue)
  count('submitted', fn, queue)
  if (job.retry_of or '') ~= '' then link(job.retry_of, id) end
  belong(job.parent, 'j', id)
end
