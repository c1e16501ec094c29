-- abort: end waiting jobs now, and running ones that no worker holds; else ask their workers to cancel them.
--
-- ARGV  1 prefix  2 ended by (text for people), then ids
-- Returns one number per job: 1 aborted, 2 its worker is asked, -1 no such job, -2 it has ended
-- Announces each; tells the workers.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _abort

local codes = {}
for i = 3, #ARGV do codes[#codes + 1] = abort_job(ARGV[i], ARGV[2]) end
settle_workflows()
announce()
return codes
