-- A new record of a job. One that ended earlier under the same id makes room for it.

local function create(id, fn, queue, args, kwargs, enqueued, run_at, source, max_tries, timeout, nonce)
  local old = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function')
  if not old.err and old[1] and old[2] and old[3] then forget(id, old[1], old[2], old[3])
  else redis.call('DEL', job_key(id)) end
  local state = run_at > now and 'deferred' or 'queued'
  change(id, 'function', fn, 'queue', queue, 'state', state, 'args', args, 'kwargs', kwargs, 'enqueued', enqueued,
    'run_at', run_at, 'source', source, 'max_tries', max_tries, 'timeout', timeout, 'nonce', nonce)
  index(state, queue, fn, run_at, id)
  index('*', queue, fn, enqueued, id)
  redis.call('SADD', prefix .. 'queues', queue)
  count('submitted', fn)
end
