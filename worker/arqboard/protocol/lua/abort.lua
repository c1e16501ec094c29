-- abort: end a waiting job now, and a running one that no worker holds; else ask its worker to cancel it.
--
-- ARGV  1 prefix  2 id  3 ended by (text for people)
-- Returns 1 aborted, 2 its worker is asked, -1 no such job, -2 it has ended
-- Announces the job; tells the workers.
--@include _tail
--@include _attempt

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'queue', 'function')
if not job[1] then return -1 end
if terminal[job[1]] then return -2 end

local is_held = redis.call('EXISTS', 'arq:in-progress:' .. id) == 1
if job[1] == 'running' and is_held then
  change(id, 'abort_requested', now)
  announce()
  redis.call('PUBLISH', prefix .. 'control', 'abort ' .. id)
  return 2
end

zrem(job[2], id)
zrem('arq:abort', id)
redis.call('DEL', 'arq:retry:' .. id)
keep_payload(id)
archive_attempt(id, job[1] == 'running')
fail_running_chunks(id)
redis.call('HDEL', job_key(id), 'token') -- its worker may come back and report an end: too late
unindex(job[1], job[2], job[3], id)
index('aborted', job[2], job[3], now, id)
zadd(prefix .. 'ended', now, id)
change(id, 'state', 'aborted', 'ended', now, 'error_type', 'Aborted', 'error',
  'aborted while no worker ran it' .. (ARGV[3] ~= '' and ', by ' .. ARGV[3] or ''))
count('aborted', job[3])
if job[1] == 'running' then count('lost', job[3]) end -- no worker held it
announce()
return 1
