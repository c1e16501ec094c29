-- run_schedule: run a schedule now, by hand, also while it is paused. When it is due next stays as it is.
--
-- ARGV  1 prefix  2 name  3 id of the job; the same when a lost reply is asked for again
-- Returns {code, id}: 1 enqueued, 2 enqueued earlier, -1 no such schedule, -2 another job is in the way: it has the id
--       that all its jobs share, or its unique key.
-- Announces the job; wakes the workers of its queue.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _unique
--@include _schedule
--@include _enqueue_scheduled

local name = ARGV[2]
local stored = redis.call('HMGET', schedule_key(name), 'job', 'job_id', 'payload', 'queue')
if not stored[1] then return { -1, '' } end

local shared = stored[2] or ''
local id = shared ~= '' and shared or ARGV[3]
local other = enqueue_scheduled(name, id, { job = stored[1], job_id = shared }, stored[3])
if other then return { other == ARGV[3] and 2 or -2, other } end
ran(name, id, now, 'by_hand')
announce()
wake(stored[4])
return { 1, id }
