-- retry: run failed or aborted jobs once more, many in one call.
--
-- ARGV  1 prefix  2 ms before they may start  3 batch that they can be taken back by until they start; "": at once, and
--       they can't  4 ms in which they can, then their ids
-- Returns one number per job: 1 queued, 5 queued and it can be taken back, -1 no such job, -2 not failed or aborted,
--       -3 its stored call is gone, -4 the id is queued anew
-- Announces each; wakes the workers of their queues.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _undo
--@include _retry

local codes = {}
local later = ARGV[3] ~= '' and { tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]) } or nil
for i = 5, #ARGV do codes[#codes + 1] = requeue(ARGV[i], nil, later) end
settle_workflows()
announce()
wake_requeued()
return codes
