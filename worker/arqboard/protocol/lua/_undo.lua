-- What somebody has just done and can take back for a while.
--
-- undo:<batch>   hash, job → `deleted`, or what a retry changed in its record (JSON). One for all jobs of one action.
-- deleted:<id>   the record of a job that was deleted; its parts stay where they are.
-- aside:<id>     arq's result of a job that was retried or deleted.
-- All of it goes by itself when its time is over, by the same deadline, whether or not somebody still looks.
--
-- Needs _queue.

local RETRY_CHANGES = { 'state', 'run_at', 'tries', 'outcome', 'abort_requested', 'crashes', 'result', 'expires_at',
  'slot', 'only', 'fingerprint' }
local NEVER = 'never'

local function deleted_key(id) return prefix .. 'deleted:' .. id end
local function aside_key(id) return prefix .. 'aside:' .. id end

local function remember_in(batch, id, what, at)
  redis.call('HSET', prefix .. 'undo:' .. batch, id, what)
  redis.call('PEXPIREAT', prefix .. 'undo:' .. batch, at)
end

-- Move a key aside. Returns when it would have gone by itself, nil where there is none.
local function put_aside(from, to, at)
  local left = redis.call('PTTL', from)
  if left == -2 then return nil end
  redis.call('RENAME', from, to)
  redis.call('PEXPIREAT', to, at)
  return left == -1 and NEVER or now + left
end

local function put_back(from, to, expires)
  if not expires or redis.call('EXISTS', from) == 0 then return end
  redis.call('RENAME', from, to)
  if expires == NEVER then redis.call('PERSIST', to) else redis.call('PEXPIREAT', to, expires) end
end

-- Before a retry changes anything.
local function remember_retry(id, batch, at)
  local values = redis.call('HMGET', job_key(id), 'attempt', unpack(RETRY_CHANGES))
  local was = { attempt = values[1] or '', fields = {} }
  for n, field in ipairs(RETRY_CHANGES) do
    if values[n + 1] then was.fields[field] = values[n + 1] end
  end
  was.result_expires = put_aside('arq:result:' .. id, aside_key(id), at)
  remember_in(batch, id, cjson.encode(was), at)
  redis.call('HSET', job_key(id), 'undo', batch)
end

-- A job that failed is in its groups of failures again, each of which stands where its newest job does (see _failures).
local function rejoin_groups(id, fn, fingerprint, kind, failed)
  for by, name in pairs({ fingerprint = fingerprint, exception = kind or 'unknown', ['function'] = fn }) do
    local group = group_of(by, name)
    leaving[group.key] = group
    if by ~= 'function' then zadd(group.jobs, failed, id) end
  end
end

-- A job that has ended is indexed as it was.
local function index_ended(id, state, queue, fn)
  local job = redis.call('HMGET', job_key(id), 'ended', 'fingerprint', 'error_type')
  local ended = tonumber(job[1] or now)
  index(state, queue, fn, ended, id)
  zadd(prefix .. 'ended', ended, id)
  if job[2] then rejoin_groups(id, fn, job[2], job[3], ended) end
end

-- Take a retry back: 1 done, -1 no such job, -2 it has started, or something else was done to it.
local function unretry(id, batch, was)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'undo', 'attempt', 'unique')
  if job.err or not job[1] then return -1 end
  local waits = job[1] == 'queued' or job[1] == 'deferred'
  if not waits or job[4] ~= batch or (job[5] or '') ~= was.attempt then return -2 end
  if redis.call('EXISTS', 'arq:in-progress:' .. id) == 1 then return -2 end -- a stock worker has it

  leave_queue(job[2], job[3], id)
  release_unique(job[6], id)
  zrem('arq:abort', id)
  redis.call('DEL', 'arq:retry:' .. id)
  keep_payload(id)
  put_back(aside_key(id), 'arq:result:' .. id, was.result_expires)
  unindex(job[1], job[2], job[3], id)
  redis.call('HDEL', job_key(id), 'undo', unpack(RETRY_CHANGES))
  for field, value in pairs(was.fields) do redis.call('HSET', job_key(id), field, value) end
  index_ended(id, was.fields.state, job[2], job[3])
  change(id, 'state', was.fields.state)
  return 1
end

-- A job is deleted, and can be brought back until a deadline. `job` is {state, queue, function, unique}.
local function delete_for_now(id, job, batch, at)
  local waits, queue, fn = not terminal[job[1]], job[2], job[3]
  local kept = { 'undo', batch }
  local function keep(name, value)
    if not value then return end
    kept[#kept + 1] = name
    kept[#kept + 1] = value
  end
  if waits then
    keep('undo_score', redis.call('ZSCORE', queue, id) or redis.call('ZSCORE', prefix .. 'parked:' .. fn, id))
    keep('undo_tries', redis.call('GET', 'arq:retry:' .. id))
    keep('undo_call', put_aside('arq:job:' .. id, prefix .. 'payload:' .. id, at))
    leave_queue(queue, fn, id)
    release_unique(job[4], id)
  end
  redis.call('DEL', 'arq:retry:' .. id)
  keep('undo_result', put_aside('arq:result:' .. id, aside_key(id), at))
  keep('undo_fingerprint', redis.call('HGET', job_key(id), 'fingerprint'))
  unindex(job[1], queue, fn, id)
  unindex('*', queue, fn, id)
  untag(id)
  zrem(prefix .. 'ended', id)
  redis.call('HSET', job_key(id), unpack(kept))
  redis.call('RENAME', job_key(id), deleted_key(id))
  for _, key in ipairs({ deleted_key(id), unpack(parts_of(id)) }) do redis.call('PEXPIREAT', key, at) end
  remember_in(batch, id, 'deleted', at)
end

-- A job that waits goes back to its place in the queue.
local function queue_again(id, job)
  local queue, fn, run_at, unique = job[2], job[3], tonumber(job[5]), job[6]
  put_back(prefix .. 'payload:' .. id, 'arq:job:' .. id, job[8])
  if job[9] then redis.call('SET', 'arq:retry:' .. id, job[9], 'PX', math.max(0, run_at - now) + 88400000) end
  zadd(queue, job[7] or due_score(run_at, 0), id)
  if unique then redis.call('SET', prefix .. 'unique:' .. unique, id, 'NX') end -- unless another job has it by now
  index(job[1], queue, fn, run_at, id)
  return run_at <= now and queue or nil
end

-- Bring a deleted job back: 1 done, -1 it is gone for good, -2 deleted by another action, -4 its id is in use again.
-- Second: the queue whose workers are to be woken.
local function undelete(id, batch)
  local job = redis.call('HMGET', deleted_key(id), 'state', 'queue', 'function', 'enqueued', 'run_at', 'unique',
    'undo_score', 'undo_call', 'undo_tries', 'undo_result', 'undo', 'undo_fingerprint', 'tags')
  if not job[1] then return -1 end
  if job[11] ~= batch then return -2 end
  if redis.call('EXISTS', job_key(id), 'arq:job:' .. id) > 0 then return -4 end

  redis.call('RENAME', deleted_key(id), job_key(id))
  for _, key in ipairs({ job_key(id), unpack(parts_of(id)) }) do redis.call('PERSIST', key) end
  redis.call('HDEL', job_key(id), 'undo', 'undo_score', 'undo_call', 'undo_tries', 'undo_result', 'undo_fingerprint')
  if job[12] then redis.call('HSET', job_key(id), 'fingerprint', job[12]) end
  put_back(aside_key(id), 'arq:result:' .. id, job[10])
  index('*', job[2], job[3], job[4], id)
  if job[13] then tag(id, job[13], job[4]) end
  local woken = nil
  if terminal[job[1]] then index_ended(id, job[1], job[2], job[3]) else woken = queue_again(id, job) end
  change(id, 'state', job[1])
  return 1, woken
end
