-- finish: the ends of jobs, many in one call, each fenced by its attempt token.
--
-- ARGV  1 prefix  2 ended jobs to keep  3 ms to keep them  4 the ends, a JSON list of lists: id, token, outcome
--       (succeeded, failed, aborted), ms to keep the result (-1 for ever, 0 not at all), result preview, error type,
--       error, traceback, ms to keep arq's lock (cron jobs; else 0), which of the further arguments is what the next
--       step of its workflow gets (0: none), where in the user's own code it failed (module:function) or ""; then the
--       result blob or "" of each, then what next steps get.
--       One JSON text, since eleven arguments a job cost the client more than all the rest of the call.
-- Returns one number per job: 1 written, 2 written earlier (a lost reply), 0 discarded: another attempt owns the job
--       or it has ended; the late end is kept among the attempts.
-- Announces each. The steps of a workflow that wait for these jobs are enqueued here, so nothing can fall between.
-- Trims a little of the oldest history.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local TRIM = 20

local function store_result(id, blob, keep)
  if blob == '' or keep == 0 then return end
  if keep < 0 then redis.call('SET', 'arq:result:' .. id, blob)
  else redis.call('SET', 'arq:result:' .. id, blob, 'PX', keep) end
end

-- A job can be run again when it failed, and for chunks that it left (a step not: its workflow goes on without them).
local function can_run_again(outcome, job)
  if outcome ~= 'succeeded' then return true end
  return job[11] and not job[7] and tonumber(job[11]) > tonumber(job[12] or 0) + tonumber(job[13] or 0)
end

local function clear_arqs_keys(id, keeps_payload, keep_lock)
  if keeps_payload then keep_payload(id) end
  if keep_lock > 0 then
    redis.call('PEXPIRE', 'arq:in-progress:' .. id, keep_lock)
    redis.call('DEL', 'arq:job:' .. id, 'arq:retry:' .. id)
  else
    redis.call('DEL', 'arq:job:' .. id, 'arq:retry:' .. id, 'arq:in-progress:' .. id)
  end
end

local function write(id, ended, blob, job)
  local outcome = ended[3]
  store_result(id, blob, ended[4])
  clear_arqs_keys(id, can_run_again(outcome, job), ended[9])
  leave_queue(job[4], job[3], id)
  release_unique(job[9], id)
  zrem('arq:abort', id)
  if tonumber(job[6] or 0) > 0 then fail_running_chunks(id) end
  unindex('running', job[4], job[3], id)
  index(outcome, job[4], job[3], now, id)
  zadd(prefix .. 'ended', now, id)
  change(id, 'state', outcome, 'ended', now)
  if ended[5] ~= '' then redis.call('HSET', job_key(id), 'result', ended[5]) end
  if job[10] then redis.call('HDEL', job_key(id), 'paused') end
  if ended[6] ~= '' then
    redis.call('HSET', job_key(id), 'error_type', ended[6], 'error', ended[7], 'traceback', ended[8])
  end
  count(outcome, job[3], job[4])
  count_time('run', job[3], math.max(0, now - tonumber(job[5])), job[4])
  if outcome == 'failed' then
    count_error(job[3], ended[6])
    note_failure(id, job[3], ended[6], ended[7], ended[11])
  end
end

local function discard(id, ended, job)
  if not job[1] then return end
  push_attempt(id, { 0, now, now, ended[2], 'discarded', ended[6] ~= '' and ended[6], ended[7], false })
  change(id)
end

local function trim()
  local excess = redis.call('ZCARD', prefix .. 'ended') - tonumber(ARGV[2])
  local old = excess > 0 and redis.call('ZRANGE', prefix .. 'ended', 0, math.min(excess, TRIM) - 1)
    or redis.call('ZRANGE', prefix .. 'ended', '-inf', now - tonumber(ARGV[3]), 'BYSCORE', 'LIMIT', 0, TRIM)
  for _, id in ipairs(old) do
    local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function')
    if not job.err and job[1] and job[2] and job[3] then forget(id, job[1], job[2], job[3])
    else zrem(prefix .. 'ended', id) end
    next_position(id)
  end
end

-- Whether it is still this attempt's to end, in a record that can be read.
local function owns(id, token, job)
  if job[1] ~= 'running' or job[2] ~= token or not (job[3] and job[4] and tonumber(job[5] or '')) then return false end
  local lock = redis.call('GET', 'arq:in-progress:' .. id)
  return not lock or lock == token
end

local codes = {}
for n, ended in ipairs(cjson.decode(ARGV[4])) do
  local id, token = ended[1], ended[2]
  local job = redis.pcall('HMGET', job_key(id), 'state', 'token', 'function', 'queue', 'started', 'chunk_running',
    'workflow', 'node', 'unique', 'paused', 'chunk_total', 'chunk_done', 'chunk_skipped')
  if owns(id, token, job) then
    write(id, ended, ARGV[4 + n], job)
    if job[7] then
      local passed_on = ended[10] > 0 and ARGV[4 + ended[10]] or ''
      node_ended(job[7], tonumber(job[8]), ended[3], passed_on, ended[6], ended[7])
    end
    codes[#codes + 1] = 1
  elseif job[1] and terminal[job[1]] and job[2] == token then
    codes[#codes + 1] = 2
  else
    discard(id, ended, job)
    codes[#codes + 1] = 0
  end
end
settle()
trim()
settle_workflows()
announce()
return codes
