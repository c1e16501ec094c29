-- retry: run a failed or aborted job once more, under its own id, with its own call, resuming its chunks.
--
-- ARGV  1 prefix  2 id  3 expires ms
-- Returns 1 queued, -1 no such job, -2 not failed or aborted, -3 its stored call is gone, -4 the id is queued anew
-- Announces the job; wakes the queue's workers.
--@include _tail

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'queue', 'function')
if not job[1] then return -1 end
if job[1] ~= 'failed' and job[1] ~= 'aborted' then return -2 end
if redis.call('EXISTS', 'arq:job:' .. id) == 1 then return -4 end
if redis.call('EXISTS', prefix .. 'payload:' .. id) == 0 then return -3 end

redis.call('RENAME', prefix .. 'payload:' .. id, 'arq:job:' .. id)
redis.call('PEXPIRE', 'arq:job:' .. id, ARGV[3])
redis.call('DEL', 'arq:retry:' .. id, 'arq:result:' .. id, 'arq:in-progress:' .. id)
zrem('arq:abort', id)
zrem(prefix .. 'ended', id)
zadd(job[2], now, id)
unindex(job[1], job[2], job[3], id)
index('queued', job[2], job[3], now, id)
redis.call('HDEL', job_key(id), 'abort_requested', 'crashes', 'result')
change(id, 'state', 'queued', 'run_at', now, 'tries', 0, 'outcome', job[1]) -- of the attempt that is over
announce()
wake(job[2])
return 1
