-- pause_job: a running job stops before its next chunk (1), or goes on (0). It keeps its worker and its slot.
--
-- ARGV  1 prefix  2 id  3 1 or 0
-- Returns 1 done, 2 it was so already, -1 no such job, -2 it does not run, -3 it has no chunks
-- Announces the job; tells its worker.
--@include _tail

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'chunk_total', 'paused')
if not job[1] then return -1 end
if job[1] ~= 'running' then return -2 end
if not job[2] then return -3 end
local wanted = ARGV[3] == '1'
if wanted == (job[3] and true or false) then return 2 end
if wanted then
  change(id, 'paused', now)
else
  redis.call('HDEL', job_key(id), 'paused')
  change(id, 'resumed', now)
end
announce()
redis.call('PUBLISH', prefix .. 'control', (wanted and 'pause ' or 'resume ') .. id)
return 1
