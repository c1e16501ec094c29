-- A job that failed or was aborted runs once more, under its own id, with its own call, resuming its chunks.
--
-- requeue returns 1 queued, -1 no such job, -2 not failed or aborted, -3 its stored call is gone, -4 the id is queued
-- anew. With `only` it may have succeeded too: "f" runs the chunks that failed, "" all that are not done. Needs _queue
-- and _workflow.
--
-- `later`, if it is given, is { ms before it may start, batch that it can be taken back by, ms in which it can }; it then
-- returns 5 where it can. Needs _undo.

local requeued = {}

local function requeue(id, only, later)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'priority', 'workflow', 'node', 'unique')
  if job.err or not job[1] then return -1 end
  if job[1] ~= 'failed' and job[1] ~= 'aborted' and not (only and job[1] == 'succeeded') then return -2 end
  if redis.call('EXISTS', 'arq:job:' .. id) == 1 then return -4 end
  if redis.call('EXISTS', prefix .. 'payload:' .. id) == 0 then return -3 end

  if job[5] then later = nil end -- what its workflow makes of it can't be taken back
  if later then remember_retry(id, later[2], now + later[3])
  else redis.call('HDEL', job_key(id), 'undo') end -- an earlier retry can't be taken back any more, or this one would be
  local run_at, state = now, 'queued'
  if later and later[1] > 0 then run_at, state = now + later[1], 'deferred' end
  redis.call('RENAME', prefix .. 'payload:' .. id, 'arq:job:' .. id)
  redis.call('DEL', 'arq:retry:' .. id, 'arq:result:' .. id, 'arq:in-progress:' .. id)
  zrem('arq:abort', id)
  zrem(prefix .. 'ended', id)
  zadd(job[2], due_score(run_at, job[4]), id)
  unindex(job[1], job[2], job[3], id)
  index(state, job[2], job[3], run_at, id)
  if job[7] then redis.call('SET', prefix .. 'unique:' .. job[7], id, 'NX') end -- unless another job has it by now
  redis.call('HDEL', job_key(id), 'abort_requested', 'crashes', 'result', 'expires_at', 'slot', 'only')
  if only == 'f' then redis.call('HSET', job_key(id), 'only', only) end
  change(id, 'state', state, 'run_at', run_at, 'tries', 0, 'outcome', job[1]) -- of the attempt that is over
  if job[5] then node_reopened(job[5], tonumber(job[6])) end
  if state == 'queued' then requeued[job[2]] = true end
  return later and 5 or 1
end

local function wake_requeued()
  for queue in pairs(requeued) do wake(queue) end
end
