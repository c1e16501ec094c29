-- abort_workflow: end a workflow. Nothing of it starts any more; `sweep` ends its jobs.
--
-- ARGV  1 prefix  2 workflow id  3 ended by (text for people)
-- Returns 1 aborted, -1 no such workflow, -2 it has ended
-- Announces the workflow.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local wf = ARGV[2]
local state = flow(wf).state
if not state then return -1 end
if state ~= 'running' then return -2 end
end_flow(wf, 'aborted', 'Aborted', 'aborted' .. (ARGV[3] ~= '' and ' by ' .. ARGV[3] or ''))
settle_workflows()
announce()
return 1
