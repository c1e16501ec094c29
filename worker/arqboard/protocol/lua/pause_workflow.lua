-- pause_workflow: nothing of a workflow starts (1), or it goes on (0). What runs goes on to its end meanwhile; a job
-- that is due is held by the claim that meets it, and `launch` brings both kinds of what waits on their way again.
--
-- ARGV  1 prefix  2 workflow id  3 1 or 0
-- Returns 1 done, 2 it was so already, -1 no such workflow, -2 it has ended
-- Announces the workflow; tells the workers that it goes on.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local wf, wanted = ARGV[2], ARGV[3] == '1'
local f = flow(wf)
if not f.state then return -1 end
if f.state ~= 'running' then return -2 end
if wanted == (f.paused and true or false) then return 2 end
if wanted then
  redis.call('HSET', flow_key(wf), 'paused', now)
else
  redis.call('HDEL', flow_key(wf), 'paused')
  if has_waiting(wf) then be_launched(wf) end
end
moved[wf] = true
settle_workflows()
announce()
return 1
