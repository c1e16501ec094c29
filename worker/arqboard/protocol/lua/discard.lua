-- discard: delete a job that does not run, with all that is kept about it. A waiting one will never run.
--
-- ARGV  1 prefix  2 id
-- Returns 1 deleted, -1 no such job, -2 it is running
-- Announces the job.
--@include _tail

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'queue', 'function')
if not job[1] then return -1 end
if job[1] == 'running' then return -2 end

if not terminal[job[1]] or redis.call('ZSCORE', job[2], id) then
  zrem(job[2], id)
  redis.call('DEL', 'arq:job:' .. id, 'arq:retry:' .. id)
end
redis.call('DEL', 'arq:result:' .. id)
zrem('arq:abort', id)
forget(id, job[1], job[2], job[3])
next_position(id)
announce()
return 1
