-- Failed jobs in groups: by fingerprint, by exception type, by function. (Included by _tail; finish calls note_failure,
-- and a job leaves its groups wherever it leaves the index of failed jobs.)
--
-- A fingerprint is the exception's type with the innermost frame of the user's own code, or with the function where
-- that frame is not known. Of each group there are `failures:<by>/<name>`, its jobs by when they failed (a function's are
-- `jobs:failed/*/<function>`), and `failure:<by>/<name>`, what is known of it, also for a while after its last job has
-- gone, so that what comes back is not taken for new. `failures:<by>` has the groups that have jobs, by the newest.

local GROUP_KEPT = 7776000 -- seconds after its last failure: 90 d
local MAX_GROUPS, MAX_GROUP_FIELDS, MAX_SAMPLE = 1000, 60, 500
local failing, leaving = {}, {} -- by `<by>/<name>`, both written once for each verb

local function group_of(by, name)
  local key = by .. '/' .. segment(name)
  local jobs = by == 'function' and prefix .. 'jobs:failed/*/' .. segment(name) or prefix .. 'failures:' .. key
  return { key = key, name = name, all = prefix .. 'failures:' .. by, jobs = jobs, by = by, n = 0, functions = {} }
end

local function fingerprint_of(kind, frame, fn)
  local place = frame ~= '' and 'at ' .. frame or 'in ' .. fn
  return string.sub(redis.sha1hex(kind .. '\n' .. place), 1, 16)
end

local function fail_in(by, name, id, fn, sample)
  local group = group_of(by, name)
  group = failing[group.key] or group
  failing[group.key] = group
  group.n, group.job, group.sample = group.n + 1, id, sample
  group.functions[fn] = (group.functions[fn] or 0) + 1
  if by ~= 'function' then zadd(group.jobs, now, id) end
end

-- A job has failed. `kind` is its exception's type, `frame` the innermost of the user's own code, "" if unknown.
local function note_failure(id, fn, kind, message, frame)
  if kind == '' then kind = 'unknown' end
  local fingerprint = fingerprint_of(kind, frame, fn)
  local sample = { 'type', kind, 'message', string.sub(message, 1, MAX_SAMPLE), 'frame', frame, 'function', fn }
  redis.call('HSET', job_key(id), 'fingerprint', fingerprint)
  fail_in('fingerprint', fingerprint, id, fn, sample)
  fail_in('exception', kind, id, fn, sample)
  fail_in('function', fn, id, fn, sample)
end

-- A job is no failed one any more: it runs again, or is forgotten.
local function leave_groups(id, fn)
  local job = redis.pcall('HMGET', job_key(id), 'fingerprint', 'error_type')
  if job.err or not job[1] then return end
  redis.call('HDEL', job_key(id), 'fingerprint')
  for by, name in pairs({ fingerprint = job[1], exception = job[2] or 'unknown', ['function'] = fn }) do
    local group = group_of(by, name)
    leaving[group.key] = group
    if by ~= 'function' then zrem(group.jobs, id) end
  end
end

-- How often it ever failed; made anew where its record can't be read.
local function count_up(record, n)
  local total = redis.pcall('HINCRBY', record, 'count', n)
  if type(total) == 'number' then return total end
  redis.call('DEL', record)
  return redis.call('HINCRBY', record, 'count', n)
end

local function count_functions(record, functions)
  for fn, n in pairs(functions) do
    local field = 'fn|' .. fn
    if redis.call('HLEN', record) < MAX_GROUP_FIELDS or redis.call('HEXISTS', record, field) == 1 then
      redis.call('HINCRBY', record, field, n)
    end
  end
end

-- The groups that have not failed for longest make room for new ones.
local function drop_groups(by, all)
  for _, name in ipairs(redis.call('ZRANGE', all, 0, -MAX_GROUPS - 1)) do
    local group = group_of(by, name)
    redis.call('ZREM', all, name)
    redis.call('UNLINK', prefix .. 'failure:' .. group.key)
    if by ~= 'function' then redis.call('UNLINK', group.jobs) end
  end
end

local function write_groups()
  for key, group in pairs(failing) do
    local record = prefix .. 'failure:' .. key
    if count_up(record, group.n) == group.n then
      redis.call('HSET', record, 'first', now)
      drop_groups(group.by, group.all)
    end
    redis.call('HSET', record, 'last', now, 'job', group.job, unpack(group.sample))
    count_functions(record, group.functions)
    redis.call('EXPIRE', record, GROUP_KEPT)
    zadd(group.all, now, group.name)
  end
  failing = {}
end

-- After the jobs have left: a group stands where its newest job does, or is no group any more.
local function settle_groups()
  for _, group in pairs(leaving) do
    local newest = redis.call('ZRANGE', group.jobs, -1, -1, 'WITHSCORES')
    if newest[1] then redis.call('ZADD', group.all, newest[2], group.name)
    else redis.call('ZREM', group.all, group.name) end
  end
  leaving = {}
end
