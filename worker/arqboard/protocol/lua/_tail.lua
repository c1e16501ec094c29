-- Shared by every verb: the clock, the indexes, the mark of a change, the counters, the announcement.
--
-- ARGV[1] of every verb is the prefix of our keys. Keys are built here and not passed in KEYS: a verb learns from
-- the data which jobs it touches, and arq's own key names rule out a Redis Cluster anyway.
--
-- Entries of sorted sets are collected and written by `settle`, one call per set, removals first: a call of its own
-- for each costs more than the entry itself when a verb handles a hundred jobs.

local prefix = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local position = nil
local terminal = { succeeded = true, failed = true, aborted = true }
local escapes = { ['%'] = '%25', ['/'] = '%2F', ['*'] = '%2A' }
local adding, removing = {}, {}
local PARTS = { 'payload', 'attempts', 'chunks', 'chunk_info', 'log', 'artefacts', 'children' }

local function job_key(id) return prefix .. 'job:' .. id end
local function segment(name) return (string.gsub(name, '[%%/*]', escapes)) end

local function zadd(key, score, member)
  local list = adding[key]
  if not list then list = {}; adding[key] = list end
  list[#list + 1] = score
  list[#list + 1] = member
end

local function zrem(key, member)
  local list = removing[key]
  if not list then list = {}; removing[key] = list end
  list[#list + 1] = member
end

local function write_all(command, lists)
  for key, list in pairs(lists) do
    for first = 1, #list, 1000 do
      redis.call(command, key, unpack(list, first, math.min(first + 999, #list)))
    end
  end
end

-- Write what was collected, also before something reads it.
local function settle()
  write_all('ZREM', removing)
  write_all('ZADD', adding)
  adding, removing = {}, {}
end

-- The four indexes of a state, a queue and a function; looked up for each job, made once.
local known = {}
local function indexes(state, queue, fn)
  local of_state = known[state]
  if not of_state then of_state = {}; known[state] = of_state end
  local name = queue .. '/' .. fn
  local keys = of_state[name]
  if not keys then
    local base, q, f = prefix .. 'jobs:' .. state .. '/', segment(queue), segment(fn)
    keys = { base .. '*/*', base .. q .. '/*', base .. '*/' .. f, base .. q .. '/' .. f }
    of_state[name] = keys
  end
  return keys
end

-- A job is in four indexes of its state and, for its whole life, in the same four of any state ('*').
local function index(state, queue, fn, score, id)
  local keys = indexes(state, queue, fn)
  zadd(keys[1], score, id)
  zadd(keys[2], score, id)
  zadd(keys[3], score, id)
  zadd(keys[4], score, id)
end

--@include _failures
--@include _tags

local function unindex(state, queue, fn, id)
  if state == 'failed' then leave_groups(id, fn) end
  local keys = indexes(state, queue, fn)
  zrem(keys[1], id)
  zrem(keys[2], id)
  zrem(keys[3], id)
  zrem(keys[4], id)
end

-- Every change gets the next position; a page knows by it what it has seen.
local function next_position(id)
  position = (position or tonumber(redis.call('GET', prefix .. 'position') or 0)) + 1
  zadd(prefix .. 'changes', position, id)
  return position
end

-- Write fields of a job and mark it changed. (Progress moves `position` alone; the later of both is the job's.)
local function change(id, ...)
  redis.call('HSET', job_key(id), 'version', next_position(id), ...)
end

--@include _counts

local function announce()
  write_counts()
  write_groups()
  settle()
  settle_groups()
  settle_tags()
  if not position then return end
  redis.call('SET', prefix .. 'position', position)
  redis.call('SET', prefix .. 'epoch', now, 'NX')
  if redis.call('ZCARD', prefix .. 'changes') > 101000 then
    redis.call('ZREMRANGEBYRANK', prefix .. 'changes', 0, -100001)
  end
  redis.call('PUBLISH', prefix .. 'live', position)
end

local function wake(queue) redis.call('PUBLISH', prefix .. 'control', 'wake ' .. queue) end

-- Every key that we hold about a job beside its record.
local function parts_of(id)
  local parts = {}
  for n, kind in ipairs(PARTS) do parts[n] = prefix .. kind .. ':' .. id end
  local made = redis.pcall('LLEN', prefix .. 'artefacts:' .. id)
  for n = 1, type(made) == 'number' and math.min(made, 1000) or 0 do
    parts[#parts + 1] = prefix .. 'artefact:' .. id .. ':' .. n
  end
  return parts
end

-- Everything we hold about a job, gone.
local function forget(id, state, queue, fn)
  unindex(state, queue, fn, id)
  unindex('*', queue, fn, id)
  untag(id)
  zrem(prefix .. 'ended', id)
  redis.call('DEL', job_key(id), unpack(parts_of(id)))
end

-- Keep the call of a job that may be retried, byte for byte.
local function keep_payload(id)
  if redis.call('EXISTS', 'arq:job:' .. id) == 1 then
    redis.call('RENAME', 'arq:job:' .. id, prefix .. 'payload:' .. id)
    redis.call('PERSIST', prefix .. 'payload:' .. id)
  end
end
