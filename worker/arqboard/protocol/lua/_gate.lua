-- What else decides whether a due job starts: paused functions, how many of a function may run at once over all
-- workers, and how many may start in a time.
--
-- A job that is due and may not start is parked outside arq's queue, so that thousands of them are not looked at by
-- every claim; each claim lets as many back in as there is room for. A rate limit is a GCRA: a job that comes too early
-- gets the time at which it will conform, reserved for it, and is not looked at before.
--
-- Only the next seconds are reserved, the rest is parked. So what is deleted or aborted wastes no more than these, a
-- higher priority passes all others, and another limit counts at once. A slot that passed while nobody claimed has
-- lapsed: else all jobs that waited meanwhile would start together.

local MAX_RELEASED = 500
local RESERVED_AHEAD, LATE = 10000, 2000 -- ms
local limits, paused, taken = nil, nil, {}

local function as_table(flat)
  local found = {}
  for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
  return found
end

local function load_gates()
  paused = as_table(redis.call('HGETALL', prefix .. 'paused'))
  limits = as_table(redis.call('HGETALL', prefix .. 'limits'))
end

-- A function's limits as `concurrency|interval ms|burst`, 0 for none.
local function limit_of(fn)
  local text = limits[fn]
  if not text then return 0, 0, 1 end
  local concurrency, interval, burst = string.match(text, '^([%d.]+)|([%d.]+)|(%d+)$')
  return tonumber(concurrency or 0), tonumber(interval or 0), tonumber(burst or 1)
end

-- How many more jobs of a function may start; nil without a limit.
local function room(fn)
  if paused['function:' .. fn] then return 0 end
  local concurrency = limit_of(fn)
  if concurrency == 0 then return nil end
  if not taken[fn] then taken[fn] = redis.call('ZCARD', prefix .. 'jobs:running/*/' .. segment(fn)) end
  return math.max(0, concurrency - taken[fn])
end

local function take(fn)
  if taken[fn] then taken[fn] = taken[fn] + 1 end
end

-- The time at which the next job of this function conforms to its rate, and that up to which the rate is used then.
-- More than can have been reserved is of another limit, or of a clock that was set back, and counts for nothing.
local function next_slot(fn, interval, burst)
  local used = math.max(now, tonumber(redis.call('GET', prefix .. 'rate:' .. fn) or 0))
  if used > now + RESERVED_AHEAD + burst * interval then used = now end
  return math.ceil(used - (burst - 1) * interval), used + interval
end

-- The time at which a job of this function may start, reserved for it; nil when that is too far away.
local function slot(fn)
  local _, interval, burst = limit_of(fn)
  if interval == 0 then return now end
  local at, used = next_slot(fn, interval, burst)
  if at > now + RESERVED_AHEAD then return nil end
  redis.call('SET', prefix .. 'rate:' .. fn, string.format('%.3f', used), 'PX', math.ceil(used - now) + 60000)
  return at
end

local function is_in_time(reserved) return reserved and now - tonumber(reserved) <= LATE end

-- How many slots a rate has within the time that can be reserved.
local function slots_left(fn)
  local _, interval, burst = limit_of(fn)
  if interval == 0 then return MAX_RELEASED end
  local at = next_slot(fn, interval, burst)
  return math.max(0, math.floor((now + RESERVED_AHEAD - at) / interval) + 1)
end

local function park(queue, fn, id, run_at, priority)
  zrem(queue, id)
  zadd(prefix .. 'parked:' .. fn, due_score(tonumber(run_at), priority), id)
  redis.call('SADD', prefix .. 'parked', fn)
end

-- Let parked jobs back into their queues, as many as may start.
local function release()
  for _, fn in ipairs(redis.call('SMEMBERS', prefix .. 'parked')) do
    local key = prefix .. 'parked:' .. fn
    local n = math.min(room(fn) or MAX_RELEASED, slots_left(fn), MAX_RELEASED)
    local found = n > 0 and redis.call('ZRANGE', key, 0, n - 1, 'WITHSCORES') or {}
    for i = 1, #found, 2 do
      redis.call('ZREM', key, found[i])
      local job = redis.pcall('HMGET', job_key(found[i]), 'queue', 'state')
      if not job.err and job[1] and job[2] and not terminal[job[2]] then
        redis.call('ZADD', job[1], found[i + 1], found[i])
      end
    end
    if redis.call('EXISTS', key) == 0 then redis.call('SREM', prefix .. 'parked', fn) end
  end
end
