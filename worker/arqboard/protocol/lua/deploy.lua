-- deploy: mark that a release runs from now on, unless it is the latest one marked. Many workers say so at once.
--
-- ARGV  1 prefix  2 release
-- Returns {1 marked or 0 it was the latest already, ms since 1970 of its mark}
--@include _tail

local MAX_DEPLOYS = 100

local key, release = prefix .. 'deploys', ARGV[2]
local latest = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
if latest[1] == release then return { 0, tonumber(latest[2]) } end
local time = math.max(now, tonumber(latest[2] or 0) + 1) -- the last one marked is the latest, whatever the clock says
redis.call('ZADD', key, time, release)
redis.call('ZREMRANGEBYRANK', key, 0, -MAX_DEPLOYS - 1)
return { 1, time }
