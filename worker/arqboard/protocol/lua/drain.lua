-- drain: a worker finishes what it runs and claims no more (1), or claims again (0).
--
-- ARGV  1 prefix  2 worker  3 1 or 0
-- Returns 1 done, 2 it was so already, -1 no such worker
-- Announces nothing (pages look at workers once a second); tells the worker.
--@include _tail

local key = prefix .. 'worker:' .. ARGV[2]
if redis.call('EXISTS', key) == 0 then return -1 end
local old = redis.call('HGET', key, 'draining') or '0'
redis.call('HSET', key, 'draining', ARGV[3])
redis.call('PUBLISH', prefix .. 'control', 'drain ' .. ARGV[2])
return old == ARGV[3] and 2 or 1
