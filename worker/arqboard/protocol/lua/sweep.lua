-- sweep: end the jobs of workflows that have failed or were aborted. What waits is aborted; what runs may finish when a
-- member has failed, and is asked to stop when the workflow was aborted.
--
-- ARGV  1 prefix  2 look at so many nodes at most
-- Returns how many workflows are not done with.
-- Announces each job.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _abort

local budget = tonumber(ARGV[2])

local function sweep_node(wf, n)
  local id = wf .. '.' .. n
  local job = redis.pcall('HMGET', job_key(id), unpack(ABORTABLE))
  if job.err or not (job[1] and job[2] and job[3]) or terminal[job[1]] then return end
  if job[1] ~= 'running' or not is_held(id) then
    abort_now(id, job, 'its workflow ' .. (flow(wf).state == 'aborted' and 'was aborted' or 'has failed'))
  elseif flow(wf).state == 'aborted' then
    ask_to_abort(id)
  end
end

local function sweep(wf)
  local at = tonumber(redis.call('HGET', flow_key(wf), 'swept') or 0)
  local marks = redis.call('GETRANGE', prefix .. 'marks:' .. wf, at, at + budget - 1)
  for i = 1, #marks do
    if string.sub(marks, i, i) == 'q' then sweep_node(wf, at + i - 1) end
  end
  budget = budget - #marks
  redis.call('HSET', flow_key(wf), 'swept', at + #marks)
  if at + #marks >= redis.call('STRLEN', prefix .. 'marks:' .. wf) then redis.call('SREM', prefix .. 'stopping', wf) end
end

for _, wf in ipairs(redis.call('SMEMBERS', prefix .. 'stopping')) do
  if budget <= 0 then break end
  local state = flow(wf).state
  if state == 'failed' or state == 'aborted' then sweep(wf) else redis.call('SREM', prefix .. 'stopping', wf) end
end
settle_workflows()
write_counts()
announce()
return redis.call('SCARD', prefix .. 'stopping')
