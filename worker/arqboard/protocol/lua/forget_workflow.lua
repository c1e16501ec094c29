-- forget_workflow: delete a workflow that is over. Its jobs stay in the history.
--
-- ARGV  1 prefix  2 workflow id
-- Returns 1 deleted, -1 no such workflow, -2 it is running, -3 it has ended and some of its jobs have not
-- Announces the workflow.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local wf = ARGV[2]
if not flow(wf).state then return -1 end
if flow(wf).state == 'running' then return -2 end
if tonumber(redis.call('HGET', flow_key(wf), 'live') or 0) > 0 then return -3 end
forget_flow(wf)
next_position('workflow:' .. wf)
announce()
return 1
