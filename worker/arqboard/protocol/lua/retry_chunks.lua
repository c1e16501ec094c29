-- retry_chunks: run a job that has ended once more, for chunks that are not done.
--
-- ARGV  1 prefix  2 id  3 f: only those that failed; "": those that wait as well
-- Returns 1 queued, -1 no such job, -2 it has not ended, or is a step whose workflow went on, -3 its stored call is
--       gone, -4 the id is queued anew, -5 there is no such chunk
-- Announces the job; wakes the workers of its queue.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _retry

local id, only = ARGV[2], ARGV[3]
local job = redis.call('HMGET', job_key(id), 'state', 'chunk_total', 'chunk_done', 'chunk_failed', 'chunk_skipped',
  'workflow')
if not job[1] then return -1 end
if not terminal[job[1]] or (job[1] == 'succeeded' and job[6]) then return -2 end
local open = tonumber(job[2] or 0) - tonumber(job[3] or 0) - tonumber(job[5] or 0)
if (only == 'f' and tonumber(job[4] or 0) or open) <= 0 then return -5 end

local code = requeue(id, only)
settle_workflows()
announce()
wake_requeued()
return code
