-- retry_workflow: run the failed and aborted jobs of a workflow again; it goes on from there.
--
-- ARGV  1 prefix  2 workflow id  3 look at nodes from this number on  4 look at so many at most
-- Returns {next number to look at (-1: done), jobs queued, jobs whose stored call is gone}; {-2, 0, 0} no such workflow;
--       {-3, 0, 0} it has not failed and was not aborted; {-4, 0, 0} it was aborted, and some of its jobs are still asked to end
-- Announces each job; wakes the workers.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _retry

local wf, at, budget = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local state = flow(wf).state
if not state then return { -2, 0, 0 } end
local bad = redis.call('HMGET', flow_key(wf), 'failed', 'aborted')
if at == 0 and state ~= 'failed' and state ~= 'aborted' and tonumber(bad[1]) + tonumber(bad[2]) == 0 then
  return { -3, 0, 0 }
end
-- What is still being stopped would end as aborted in the workflow that goes on, and fail it.
if at == 0 and state == 'aborted' and tonumber(redis.call('HGET', flow_key(wf), 'live') or 0) > 0 then return { -4, 0, 0 } end
if at == 0 and (state == 'failed' or state == 'aborted') then reopen_flow(wf) end

local queued, gone = 0, 0
local marks = redis.call('GETRANGE', prefix .. 'marks:' .. wf, at, at + budget - 1)
for i = 1, #marks do
  local mark = string.sub(marks, i, i)
  if string.find('fFaA', mark, 1, true) then
    if requeue(wf .. '.' .. (at + i - 1)) == 1 then queued = queued + 1 else gone = gone + 1 end
  end
end
local upto = at + #marks
local is_done = upto >= redis.call('STRLEN', prefix .. 'marks:' .. wf)
settle_workflows()
announce()
wake_requeued()
return { is_done and -1 or upto, queued, gone }
