-- claim: start up to `want` due jobs of a queue for a worker.
--
-- The queue's score of a running job is the end of its lease, so running jobs are out of the way of the next claim
-- and a job whose worker died comes back by itself. arq's lock holds the attempt's token.
--
-- A job that was running when its worker died may have killed it, or may be a victim of the one that did. Before its
-- last chance it is a suspect, and a worker runs one suspect at a time: so a killer takes no other suspect with it.
--
-- ARGV  1 prefix  2 queue  3 worker  4 lease ms  5 want  6 crashes a job may cause  7 number of this claim
--       8 1 when the worker runs no suspect
-- Returns {claimed, foreign}. claimed: {id, payload or "", token, try, run_at ms, flag, chunk total, chunk size,
--       chunk items, marks, crashes}, flag 0 run it, 1 abort was requested, 2 it has crashed too many workers.
--       foreign: {id, payload or ""} of jobs without a record; adopt them, then claim again.
-- Announces each claimed job.
--@include _tail
--@include _attempt

local queue, worker, lease, want, max_crashes = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local FIELDS = { 'state', 'function', 'queue', 'run_at', 'enqueued', 'started', 'crashes', 'abort_requested',
  'chunk_total', 'chunk_size', 'chunk_items', 'attempt' }
local claimed, foreign, offset, looked, numbered = {}, {}, 0, 0, 0
local takes_suspect = ARGV[8] == '1'
local any_abort = redis.call('EXISTS', 'arq:abort') == 1

-- A record that can't be read (another type, fields missing) is made anew by adopting the job.
local function is_record(job) return not job.err and job[1] and job[2] and job[3] and job[4] and job[5] end

local function abort_wanted(id, job)
  if job[8] then return true end
  local asked = any_abort and redis.call('ZSCORE', 'arq:abort', id)
  if not asked then return false end
  zrem('arq:abort', id)
  return tonumber(asked) >= tonumber(job[5]) - 3600000 -- an entry from an earlier life of the id does not count
end

local function crashes_of(job) return tonumber(job[7] or 0) + (job[1] == 'running' and 1 or 0) end

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

local function start(id, job, token)
  local was_lost, crashes, try = job[1] == 'running', crashes_of(job), nil
  if was_lost then -- a lost worker burns no try, unless the job itself kills workers
    try = redis.call('GET', 'arq:retry:' .. id) or 1
  else
    try = count_try(id)
  end
  if job[6] then
    archive_attempt(id, was_lost)
    fail_running_chunks(id)
    redis.call('HDEL', job_key(id), 'base_at', 'base_done', 'mid_at', 'mid_done', 'note')
  end
  unindex(job[1], job[3], job[2], id)
  index('running', job[3], job[2], now, id)
  change(id, 'state', 'running', 'started', now, 'worker', worker, 'token', token, 'tries', try, 'attempt',
    tonumber(job[12] or 0) + 1)
  count('started', job[2])
  if was_lost then -- due since its lease ended, not since it was queued
    count('lost', job[2])
    redis.call('HSET', job_key(id), 'run_at', now, 'crashes', crashes)
  else
    count_time('wait', job[2], math.max(0, now - tonumber(job[4])))
  end
  local flag = 0
  if abort_wanted(id, job) then flag = 1 elseif crashes >= max_crashes then flag = 2 end
  local marks = job[9] and redis.call('GET', prefix .. 'chunks:' .. id) or ''
  return { id, redis.call('GET', 'arq:job:' .. id) or '', token, tonumber(try), tonumber(job[4]), flag,
    tonumber(job[9] or 0), tonumber(job[10] or 0), tonumber(job[11] or 0), marks, crashes }
end

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
