-- schedule: put a schedule in place, or bring one up to date. What it did stays, and whether it is paused.
--
-- ARGV  1 prefix  2 name  3 spec (JSON)  4 when it is due next, if it is new or its spec has changed; "" for never
--       5 a tick that it is too late for (a time that had passed before it was known), or ""
--       then its other fields, see _schedule.lua: field  value …
-- Returns 1 new, 2 its spec has changed, 3 its spec is as it was: it is due when it was due.
-- Announces nothing (pages look at schedules once a second).
--@include _tail
--@include _schedule

local name, spec = ARGV[2], ARGV[3]
local old = redis.call('HMGET', schedule_key(name), 'spec', 'paused')
redis.call('HSET', schedule_key(name), 'spec', spec, 'seen', now, unpack(ARGV, 6))
if old[1] == spec then return 3 end

set_next(name, old[2] == '1' and '' or ARGV[4])
if ARGV[5] ~= '' then missed(name, { ARGV[5] }, 1) end
if old[1] then return 2 end
redis.call('HSET', schedule_key(name), 'created', now)
return 1
