-- Schedules: a job that is made again and again.
--
-- schedules            zset, name → when it is due next (ms); +inf while it is paused and when it is over
-- schedule:<name>      hash: spec (JSON), job (what `enqueue` takes, JSON), payload, function, queue, catch_up, source
--                      (code or program), seen (when a worker last had it in its code), fingerprint (of job), ids (what
--                      the ids of its jobs begin with), job_id (one id for all of them, or ""), next, paused, created,
--                      last (tick), last_job, runs, missed
-- schedule-runs:<name> list of JSON, newest first, at most 100: tick, at, job, outcome (enqueued, missed, overlapped,
--                      by_hand)

local function schedule_key(name) return prefix .. 'schedule:' .. name end

-- Say when it is due next; "" for never.
local function set_next(name, due)
  redis.call('HSET', schedule_key(name), 'next', due)
  redis.call('ZADD', prefix .. 'schedules', due == '' and '+inf' or due, name)
end

local function remember(name, tick, job, outcome)
  local key = prefix .. 'schedule-runs:' .. name
  redis.call('LPUSH', key, cjson.encode({ tick = tonumber(tick), at = now, job = job, outcome = outcome }))
  redis.call('LTRIM', key, 0, 99)
end

local function missed(name, ticks, count)
  for _, tick in ipairs(ticks) do remember(name, tick, '', 'missed') end
  if count > 0 then redis.call('HINCRBY', schedule_key(name), 'missed', count) end
end
