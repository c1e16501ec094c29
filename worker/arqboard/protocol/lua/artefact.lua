-- artefact: keep something that a running job made, to be downloaded or followed from its page.
--
-- ARGV  1 prefix  2 id  3 token  4 name  5 media type or ""  6 URL or ""  7 bytes  8 at most so many per job
--       9 the data or ""
-- Returns its number (from 1; that of an earlier one of the same name, which it replaces), 0 the attempt does not own
--       the job any more, -1 the job has as many as it may.
-- Announces the job.
--@include _tail
--@include _progress

local id, name = ARGV[2], ARGV[4]
if not owns(id, ARGV[3]) then return 0 end

local key, number = prefix .. 'artefacts:' .. id, nil
local kept = redis.call('LRANGE', key, 0, -1)
for n, raw in ipairs(kept) do
  local ok, meta = pcall(cjson.decode, raw)
  if ok and type(meta) == 'table' and meta.name == name then number = n end
end
if not number and #kept >= tonumber(ARGV[8]) then return -1 end

local attempt = tonumber(redis.call('HGET', job_key(id), 'attempt') or 0)
local meta = cjson.encode({ name = name, type = ARGV[5], url = ARGV[6], size = tonumber(ARGV[7]), attempt = attempt,
  created = string.format('%.0f', now) })
if number then redis.call('LSET', key, number - 1, meta) else number = redis.call('RPUSH', key, meta) end
local data = prefix .. 'artefact:' .. id .. ':' .. number
if ARGV[6] == '' then redis.call('SET', data, ARGV[9]) else redis.call('DEL', data) end
redis.call('HSET', job_key(id), 'position', next_position(id), 'artefacts', math.max(#kept, number))
announce()
return number
