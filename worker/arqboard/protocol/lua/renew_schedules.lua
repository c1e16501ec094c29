-- renew_schedules: a worker still has these schedules in its code. How they are stays: the worker that started last says.
--
-- ARGV  1 prefix, then names
-- Returns the names that are unknown (the data was lost, or they were removed).
-- Announces nothing.
--@include _tail
--@include _schedule

local unknown = {}
for i = 2, #ARGV do
  if redis.call('HEXISTS', schedule_key(ARGV[i]), 'spec') == 1 then redis.call('HSET', schedule_key(ARGV[i]), 'seen', now)
  else unknown[#unknown + 1] = ARGV[i] end
end
return unknown
