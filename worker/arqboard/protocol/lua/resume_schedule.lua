-- resume_schedule: a paused schedule is due again. What it left out meanwhile neither runs nor counts as missed.
--
-- ARGV  1 prefix  2 name  3 the spec that the caller reckoned with  4 when it is due next; "" for never
-- Returns 1 resumed, 2 it was not paused, -1 no such schedule, -2 its spec is another one: reckon again.
-- Announces nothing (pages look at schedules once a second).
--@include _tail
--@include _schedule

local old = redis.call('HMGET', schedule_key(ARGV[2]), 'spec', 'paused')
if not old[1] then return -1 end
if old[2] ~= '1' then return 2 end
if old[1] ~= ARGV[3] then return -2 end
redis.call('HSET', schedule_key(ARGV[2]), 'paused', 0)
set_next(ARGV[2], ARGV[4])
return 1
