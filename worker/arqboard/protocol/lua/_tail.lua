-- Shared by every verb: the clock, the indexes, the mark of a change, the counters, the announcement.
--
-- ARGV[1] of every verb is the prefix of our keys. Keys are built here and not passed in KEYS: a verb learns from
-- the data which jobs it touches, and arq's own key names rule out a Redis Cluster anyway.

local prefix = ARGV[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local position = nil
local terminal = { succeeded = true, failed = true, aborted = true }
local escapes = { ['%'] = '%25', ['/'] = '%2F', ['*'] = '%2A' }

local function job_key(id) return prefix .. 'job:' .. id end
local function segment(name) return (string.gsub(name, '[%%/*]', escapes)) end

-- A job is in four indexes of its state and, for its whole life, in the same four of any state ('*').
local function index(state, queue, fn, score, id)
  local base, q, f = prefix .. 'jobs:' .. state .. '/', segment(queue), segment(fn)
  redis.call('ZADD', base .. '*/*', score, id)
  redis.call('ZADD', base .. q .. '/*', score, id)
  redis.call('ZADD', base .. '*/' .. f, score, id)
  redis.call('ZADD', base .. q .. '/' .. f, score, id)
end

local function unindex(state, queue, fn, id)
  local base, q, f = prefix .. 'jobs:' .. state .. '/', segment(queue), segment(fn)
  redis.call('ZREM', base .. '*/*', id)
  redis.call('ZREM', base .. q .. '/*', id)
  redis.call('ZREM', base .. '*/' .. f, id)
  redis.call('ZREM', base .. q .. '/' .. f, id)
end

-- Every change of a job gets the next position; a page knows by it what it has seen.
local function mark(id, only_progress)
  position = redis.call('INCR', prefix .. 'position')
  if only_progress then
    redis.call('HSET', job_key(id), 'position', position)
  else
    redis.call('HSET', job_key(id), 'position', position, 'version', position)
  end
  redis.call('ZADD', prefix .. 'changes', position, id)
end

-- The same for a job whose record is gone: the page has to learn that.
local function mark_gone(id)
  position = redis.call('INCR', prefix .. 'position')
  redis.call('ZADD', prefix .. 'changes', position, id)
end

local function announce()
  if not position then return end
  redis.call('SET', prefix .. 'epoch', now, 'NX')
  if redis.call('ZCARD', prefix .. 'changes') > 101000 then
    redis.call('ZREMRANGEBYRANK', prefix .. 'changes', 0, -100001)
  end
  redis.call('PUBLISH', prefix .. 'live', position)
end

local function wake(queue) redis.call('PUBLISH', prefix .. 'control', 'wake ' .. queue) end

-- Counters of this minute, added up here and written once per call.
local counted = {}
local function count(field) counted[field] = (counted[field] or 0) + 1 end

local function count_time(kind, ms)
  local bucket, bound = 0, 1
  while ms > bound and bucket < 21 do bucket, bound = bucket + 1, bound * 2 end
  count(kind .. '|' .. bucket)
end

local function write_counts()
  if next(counted) == nil then return end
  local key = prefix .. 'stats:' .. math.floor(now / 60000)
  for field, n in pairs(counted) do redis.call('HINCRBY', key, field, n) end
  redis.call('EXPIRE', key, 93600)
end

-- Everything we hold about a job, gone.
local function forget(id, state, queue, fn)
  unindex(state, queue, fn, id)
  unindex('*', queue, fn, id)
  redis.call('ZREM', prefix .. 'ended', id)
  redis.call('DEL', job_key(id), prefix .. 'payload:' .. id, prefix .. 'attempts:' .. id, prefix .. 'chunks:' .. id)
end
