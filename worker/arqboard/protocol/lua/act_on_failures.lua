-- act_on_failures: retry or delete failed jobs of one group, the newest first, a bounded number in one call.
--
-- The jobs are looked up here, so nothing is done to one that was retried or deleted a moment ago.
--
-- ARGV  1 prefix  2 by (fingerprint, exception, function)  3 name of the group  4 action (retry, delete)  5 failed at or
--       after (ms)  6 at or before (ms)  7 jobs to pass over, which could not be retried before  8 at most
-- Returns {done, could not be done: their call is gone or their id is queued anew, whether there may be more (1 or 0)}
-- Announces each; wakes the workers of the queues of retried jobs.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _undo
--@include _retry
--@include _discard

local group, action = group_of(ARGV[2], ARGV[3]), ARGV[4]
local limit = tonumber(ARGV[8])
local ids = redis.call('ZRANGE', group.jobs, ARGV[6], ARGV[5], 'BYSCORE', 'REV', 'LIMIT', ARGV[7], limit)
local done, refused = 0, 0
for _, id in ipairs(ids) do
  local code = action == 'retry' and requeue(id) or action == 'delete' and discard(id, '', 0)
  if code == 1 then done = done + 1 else refused = refused + 1 end
end
settle_workflows()
announce()
wake_requeued()
return { done, refused, #ids == limit and 1 or 0 }
