-- How many jobs run and wait, looked at once a minute: by the first heartbeat in it, whoever's that is. A minute in which
-- no worker lived has no entry, and charts show it as a gap.
--
-- gauges:<hour>  hash, minute of that hour → running|queued|ms that the oldest of these has waited; kept for 8 days
--
-- A lost or broken gauge must not stop a heartbeat, hence pcall.

local GAUGES_KEPT = 691200

local function sample_gauges()
  local minute = math.floor(now / 60000)
  local hour, field = math.floor(minute / 60), minute % 60
  local key = prefix .. 'gauges:' .. hour
  if redis.pcall('HEXISTS', key, field) ~= 0 then return end
  local queued = prefix .. 'jobs:queued/*/*'
  local first = redis.call('ZRANGE', queued, 0, 0, 'WITHSCORES')[2]
  local waits = first and math.max(0, now - tonumber(first)) or 0
  redis.pcall('HSET', key, field, string.format('%d|%d|%d', redis.call('ZCARD', prefix .. 'jobs:running/*/*'),
    redis.call('ZCARD', queued), waits))
  redis.pcall('EXPIREAT', key, (hour + 1) * 3600 + GAUGES_KEPT)
end
