-- A job that failed or was aborted runs once more, under its own id, with its own call, resuming its chunks.
--
-- requeue returns 1 queued, -1 no such job, -2 not failed or aborted, -3 its stored call is gone, -4 the id is queued
-- anew. Needs _queue and _workflow.

local requeued = {}

local function requeue(id)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'priority', 'workflow', 'node', 'unique')
  if job.err or not job[1] then return -1 end
  if job[1] ~= 'failed' and job[1] ~= 'aborted' then return -2 end
  if redis.call('EXISTS', 'arq:job:' .. id) == 1 then return -4 end
  if redis.call('EXISTS', prefix .. 'payload:' .. id) == 0 then return -3 end

  redis.call('RENAME', prefix .. 'payload:' .. id, 'arq:job:' .. id)
  redis.call('DEL', 'arq:retry:' .. id, 'arq:result:' .. id, 'arq:in-progress:' .. id)
  zrem('arq:abort', id)
  zrem(prefix .. 'ended', id)
  zadd(job[2], due_score(now, job[4]), id)
  unindex(job[1], job[2], job[3], id)
  index('queued', job[2], job[3], now, id)
  if job[7] then redis.call('SET', prefix .. 'unique:' .. job[7], id, 'NX') end -- unless another job has it by now
  redis.call('HDEL', job_key(id), 'abort_requested', 'crashes', 'result', 'expires_at', 'slot')
  change(id, 'state', 'queued', 'run_at', now, 'tries', 0, 'outcome', job[1]) -- of the attempt that is over
  if job[5] then node_reopened(job[5], tonumber(job[6])) end
  requeued[job[2]] = true
  return 1
end

local function wake_requeued()
  for queue in pairs(requeued) do wake(queue) end
end
