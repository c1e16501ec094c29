-- discard: delete a job that does not run, with all that is kept about it. A waiting one will never run.
--
-- ARGV  1 prefix  2 id
-- Returns 1 deleted, -1 no such job, -2 it is running
-- Announces the job.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'queue', 'function', 'workflow', 'node', 'unique')
if not job[1] then return -1 end
if job[1] == 'running' then return -2 end

if not terminal[job[1]] or redis.call('ZSCORE', job[2], id) then
  leave_queue(job[2], job[3], id)
  release_unique(job[6], id)
  redis.call('DEL', 'arq:job:' .. id, 'arq:retry:' .. id)
end
redis.call('DEL', 'arq:result:' .. id)
zrem('arq:abort', id)
forget(id, job[1], job[2], job[3])
next_position(id)
if job[4] and not terminal[job[1]] then node_ended(job[4], tonumber(job[5]), 'aborted', '', 'Deleted', 'deleted') end
settle_workflows()
announce()
return 1
