-- ask_stack: ask the worker of a running job where its code stands. The worker answers in a list of its own.
--
-- ARGV  1 prefix  2 id  3 name of the answer
-- Returns 1 asked, -1 no such job, -2 it does not run, -3 nothing is known of its worker
-- Announces nothing; tells the worker. One whose event loop is blocked finds the question at its next heartbeat.

local prefix, id, answer = ARGV[1], ARGV[2], ARGV[3]
local job = redis.call('HMGET', prefix .. 'job:' .. id, 'state', 'worker')
if not job[1] then return -1 end
if job[1] ~= 'running' then return -2 end
local key = prefix .. 'worker:' .. (job[2] or '')
if redis.call('EXISTS', key) == 0 then return -3 end
local asked = redis.call('HGET', key, 'asked')
local waiting = asked and #asked < 8000 and cjson.decode(asked) or {}
waiting[#waiting + 1] = { id, answer }
redis.call('HSET', key, 'asked', cjson.encode(waiting))
redis.call('PUBLISH', prefix .. 'control', 'stack ' .. job[2])
return 1
