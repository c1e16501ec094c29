-- pause: hold a queue or a function (1) or let it go on (0). Nothing of it is claimed meanwhile; what runs goes on.
--
-- ARGV  1 prefix  2 `queue` or `function`  3 its name  4 1 or 0
-- Returns 1 when that changed something, else 0.
-- Announces nothing (pages look at queues once a second); wakes the workers.
--@include _tail

local field = ARGV[2] .. ':' .. ARGV[3]
local changed
if ARGV[4] == '1' then changed = redis.call('HSETNX', prefix .. 'paused', field, now)
else changed = redis.call('HDEL', prefix .. 'paused', field) end
if ARGV[2] == 'queue' then wake(ARGV[3])
else
  for _, queue in ipairs(redis.call('SMEMBERS', prefix .. 'queues')) do wake(queue) end
end
return changed
