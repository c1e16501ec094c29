-- pause_schedule: a schedule is not due until it is resumed.
--
-- ARGV  1 prefix  2 name
-- Returns 1 paused, 2 it was, -1 no such schedule.
-- Announces nothing (pages look at schedules once a second).
--@include _tail
--@include _schedule

local old = redis.call('HMGET', schedule_key(ARGV[2]), 'spec', 'paused')
if not old[1] then return -1 end
if old[2] == '1' then return 2 end
redis.call('HSET', schedule_key(ARGV[2]), 'paused', 1)
set_next(ARGV[2], '')
return 1
