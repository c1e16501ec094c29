-- A waiting job gets another priority, and with it another place in its queue; among those of one priority the order
-- stays. Needs _queue.
--
-- reprioritise returns 1 changed, -1 no such job, -2 it does not wait.

local function reprioritise(id, priority)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'run_at', 'slot')
  if job.err or not (job[1] and job[2] and job[3] and tonumber(job[4] or '')) then return -1 end
  if terminal[job[1]] or job[1] == 'running' then return -2 end
  local score = due_score(tonumber(job[4]), priority)
  if not job[5] then redis.call('ZADD', job[2], 'XX', score, id) end -- else a rate limit has given it its time
  redis.call('ZADD', prefix .. 'parked:' .. job[3], 'XX', score, id)
  local wf = workflow_in(id)
  if wf then redis.call('ZADD', prefix .. 'held:' .. wf, 'XX', score, id) end
  if job[1] == 'retrying' then ripen(id, tonumber(job[4]), priority) end
  change(id, 'priority', priority)
  return 1
end
