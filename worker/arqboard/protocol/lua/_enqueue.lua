-- A job into its queue: arq's own keys, then our record. `job` is as `create` takes it, with `defer` (ms) and
-- `expires` (ms that it may wait beyond that; absent: for ever) in place of the times.

local DAY = 86400000

local function enqueue(job, payload)
  local id, defer = job.id, tonumber(job.defer or 0)
  job.enqueued, job.run_at = now, now + defer
  local expires = tonumber(job.expires)
  if expires then -- the call outlives the expiry, so that it can be retried
    job.expires_at = job.run_at + expires
    redis.call('SET', 'arq:job:' .. id, payload, 'PX', defer + expires + DAY)
  else
    redis.call('SET', 'arq:job:' .. id, payload)
  end
  redis.call('ZREM', 'arq:abort', id)
  redis.call('DEL', 'arq:retry:' .. id)
  zadd(job.queue, due_score(job.run_at, job.priority), id)
  create(job)
end
