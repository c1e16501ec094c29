-- retry: run failed or aborted jobs once more, many in one call.
--
-- ARGV  1 prefix, then their ids
-- Returns one number per job: 1 queued, -1 no such job, -2 not failed or aborted, -3 its stored call is gone, -4 the id
--       is queued anew
-- Announces each; wakes the workers of their queues.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _retry

local codes = {}
for i = 2, #ARGV do codes[#codes + 1] = requeue(ARGV[i]) end
settle_workflows()
announce()
wake_requeued()
return codes
