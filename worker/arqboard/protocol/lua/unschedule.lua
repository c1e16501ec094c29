-- unschedule: a schedule is no more, and neither is its history. Its jobs stay.
--
-- ARGV  1 prefix  2 name  3 ms after which a schedule that no worker has registered has left the code
-- Returns 1 removed, -1 no such schedule, -2 it is in the code of a running worker.
-- Announces nothing (pages look at schedules once a second).
--@include _tail
--@include _schedule

local name = ARGV[2]
local old = redis.call('HMGET', schedule_key(name), 'spec', 'source', 'seen')
if not old[1] then return -1 end
if old[2] == 'code' and now - tonumber(old[3] or 0) < tonumber(ARGV[3]) then return -2 end
redis.call('ZREM', prefix .. 'schedules', name)
redis.call('DEL', schedule_key(name), prefix .. 'schedule-runs:' .. name)
return 1
