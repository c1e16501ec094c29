-- discard: delete jobs that do not run, with all that is kept about them. Waiting ones will never run.
--
-- ARGV  1 prefix  2 batch that they can be brought back by ("" for good)  3 ms in which they can, then their ids
-- Returns one number per job: 1 gone for good, 2 it can be brought back, -1 no such job, -2 it is running
-- Announces each.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _undo
--@include _discard

local codes = {}
for i = 4, #ARGV do codes[#codes + 1] = discard(ARGV[i], ARGV[2], tonumber(ARGV[3])) end
settle_workflows()
announce()
return codes
