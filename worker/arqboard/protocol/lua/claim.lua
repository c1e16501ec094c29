-- claim: start up to `want` due jobs of a queue for a worker.
--
-- The queue's score of a running job is the end of its lease, so running jobs are out of the way of the next claim
-- and a job whose worker died comes back by itself. arq's lock holds the attempt's token.
--
-- A job that was running when its worker died may have killed it, or may be a victim of the one that did. Before its
-- last chance it is a suspect, and a worker runs one suspect at a time: so a killer takes no other suspect with it.
--
-- Nothing is claimed from a paused queue, and what its function's limits hold back is parked (see _gate.lua). Jobs of
-- a paused workflow are held.
--
-- ARGV  1 prefix  2 queue  3 worker  4 lease ms  5 want  6 crashes a job may cause  7 number of this claim
--       8 1 when the worker runs no suspect
-- Returns {claimed, foreign}. claimed: {id, payload or "", token, try, run_at ms, flag, chunk total, chunk size,
--       chunk items, marks, crashes, options, workflow, node, source, 1 when paused, f to run
--       only chunks that failed}, flag 0 run it, 1 abort was requested, 2 it
--       has crashed too many workers, 3 it waited longer than it may, 4 its workflow has ended.
--       foreign: {id, payload or ""} of jobs without a record; adopt them, then claim again.
-- Announces each claimed job.
--@include _tail
--@include _attempt
--@include _queue
--@include _gate

local queue, worker, lease, want, max_crashes = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local FIELDS = { 'state', 'function', 'queue', 'run_at', 'enqueued', 'started', 'crashes', 'abort_requested',
  'chunk_total', 'chunk_size', 'chunk_items', 'attempt', 'options', 'workflow', 'node', 'source', 'paused', 'priority',
  'expires_at', 'slot', 'only', 'tries' }
local claimed, foreign, offset, looked, numbered = {}, {}, 0, 0, 0
local takes_suspect = ARGV[8] == '1'
local any_abort = redis.call('EXISTS', 'arq:abort') == 1

-- A record that can't be read (another type, fields missing or no numbers) is made anew by adopting the job.
local function is_record(job)
  return not job.err and job[1] and job[2] and job[3] and tonumber(job[4] or '') and tonumber(job[5] or '')
end

local function number(text) return tonumber(text or 0) or 0 end

local function abort_wanted(id, job)
  if job[8] then return true end
  local asked = any_abort and redis.call('ZSCORE', 'arq:abort', id)
  if not asked then return false end
  zrem('arq:abort', id)
  if tonumber(asked) < tonumber(job[5]) - 3600000 then return false end -- of an earlier life of the id
  redis.call('HSET', job_key(id), 'abort_requested', now) -- also known when this worker dies before it ends the job
  return true
end

local function crashes_of(job) return number(job[7]) + (job[1] == 'running' and 1 or 0) end

local function is_suspect(job)
  local crashes = crashes_of(job)
  return crashes > 0 and crashes == max_crashes - 1
end

-- arq counts the tries in a key of its own, for 88,400 s.
local function count_try(id)
  local key = 'arq:retry:' .. id
  if redis.call('SET', key, 1, 'NX', 'EX', 88400) then return 1 end
  redis.call('EXPIRE', key, 88400)
  return redis.call('INCR', key)
end

-- State of its workflow, and since when that is paused; read once for all of its jobs.
local flows = {}
local function flow_of(job)
  local wf = job[14]
  if not wf then return {} end
  if not flows[wf] then flows[wf] = redis.pcall('HMGET', prefix .. 'workflow:' .. wf, 'state', 'paused') end
  return flows[wf]
end

-- Why a job that is started ends at once, as a number; 0 when it runs.
local function flag_of(id, job, crashes)
  if abort_wanted(id, job) then return 1 end
  if crashes >= max_crashes then return 2 end
  if job[19] and not job[6] and now > number(job[19]) then return 3 end
  local flow = flow_of(job)
  if flow[1] == 'aborted' or flow[1] == 'failed' then return 4 end
  return 0
end

-- A due job of a paused workflow waits outside the queue until that is resumed (see launch.lua). What ran when its
-- worker died goes on, and what is to be aborted gets its end.
local function is_held_back(id, job)
  if job[1] == 'running' or not flow_of(job)[2] or abort_wanted(id, job) then return false end
  zrem(queue, id)
  zadd(prefix .. 'held:' .. job[14], due_score(tonumber(job[4]), job[18]), id)
  return true
end

-- Whether the limits of its function let a job start now. If not, it is out of the way until they do.
local function is_let_in(id, job)
  if job[1] == 'running' then return true end -- its worker died: it holds its place
  local fn = job[2]
  if (room(fn) or 1) == 0 then
    park(queue, fn, id, job[4], job[18])
    return false
  end
  if job[20] then redis.call('HDEL', job_key(id), 'slot') end
  if not is_in_time(job[20]) then
    local at = slot(fn)
    if not at then
      park(queue, fn, id, job[4], job[18])
      return false
    end
    if at > now then
      redis.call('HSET', job_key(id), 'slot', at)
      zadd(queue, at, id)
      return false
    end
  end
  take(fn)
  return true
end

-- What became of the jobs of a lost worker is known as long as its record is.
local function note_taken(id, fn)
  local from = redis.call('HGET', job_key(id), 'worker')
  if not from then return end
  local key = prefix .. 'taken:' .. from
  redis.pcall('LPUSH', key, cjson.encode({ job = id, ['function'] = fn, by = worker, at = now }))
  redis.pcall('LTRIM', key, 0, 199)
  redis.call('PEXPIRE', key, 3600000)
end

local function start(id, job, token)
  local was_lost, crashes, try = job[1] == 'running', crashes_of(job), nil
  if was_lost then -- a lost worker burns no try, unless the job itself kills workers
    note_taken(id, job[2])
    try = redis.call('GET', 'arq:retry:' .. id) or job[22] or 1
  else
    try = count_try(id)
  end
  if job[6] then
    archive_attempt(id, was_lost)
    fail_running_chunks(id)
    redis.call('HDEL', job_key(id), 'base_at', 'base_done', 'mid_at', 'mid_done', 'note', 'phases', 'skips')
  end
  unindex(job[1], job[3], job[2], id)
  index('running', job[3], job[2], now, id)
  change(id, 'state', 'running', 'started', now, 'worker', worker, 'token', token, 'tries', try, 'attempt',
    number(job[12]) + 1)
  count('started', job[2])
  if was_lost then -- due since its lease ended, not since it was queued
    count('lost', job[2])
    redis.call('HSET', job_key(id), 'run_at', now, 'crashes', crashes)
  else
    count_time('wait', job[2], math.max(0, now - tonumber(job[4])), job[3])
  end
  local marks = job[9] and redis.pcall('GET', prefix .. 'chunks:' .. id) or ''
  if type(marks) ~= 'string' then marks = '' end
  return { id, redis.call('GET', 'arq:job:' .. id) or '', token, number(try), tonumber(job[4]),
    flag_of(id, job, crashes), number(job[9]), number(job[10]), number(job[11]), marks, crashes,
    job[13] or '', job[14] or '', tonumber(job[15] or '') and job[15] or '', job[16] or '', job[17] and 1 or 0,
    job[21] or '' }
end

load_gates()
if paused['queue:' .. queue] then return { claimed, foreign } end
release()

while #claimed < want and looked < 5000 do
  local ids = redis.call('ZRANGE', queue, '-inf', now, 'BYSCORE', 'LIMIT', offset, math.max(want, 100))
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    if #claimed >= want then break end
    looked = looked + 1
    local lock = 'arq:in-progress:' .. id
    numbered = numbered + 1
    local token = worker .. ':' .. ARGV[7] .. '.' .. numbered
    if not redis.call('SET', lock, token, 'NX', 'PX', lease) then
      offset = offset + 1 -- a stock worker has it, or arq's abort moved its score
    else
      local job = redis.pcall('HMGET', job_key(id), unpack(FIELDS))
      if is_record(job) and not terminal[job[1]] and is_suspect(job) and not takes_suspect then
        redis.call('DEL', lock)
        offset = offset + 1
      elseif is_record(job) and not terminal[job[1]] and (is_held_back(id, job) or not is_let_in(id, job)) then
        redis.call('DEL', lock)
      elseif is_record(job) and not terminal[job[1]] then
        if is_suspect(job) then takes_suspect = false end
        zadd(queue, now + lease, id)
        claimed[#claimed + 1] = start(id, job, token)
      else
        redis.call('DEL', lock)
        offset = offset + 1
        if #foreign < 500 then foreign[#foreign + 1] = { id, redis.call('GET', 'arq:job:' .. id) or '' } end
      end
    end
  end
  settle() -- what was claimed leaves the range that the next page is read from
end
announce()
return { claimed, foreign }
