-- save_view: keep a list of jobs under a name. The same name again means the other list from then on.
--
-- ARGV  1 prefix  2 name  3 what its address says
-- Returns 1 kept, -1 there are as many as there may be
-- Announces nothing.
--@include _tail

local MAX_VIEWS = 50

local key = prefix .. 'views'
if redis.call('HEXISTS', key, ARGV[2]) == 0 and redis.call('HLEN', key) >= MAX_VIEWS then return -1 end
redis.call('HSET', key, ARGV[2], ARGV[3])
return 1
