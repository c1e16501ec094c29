-- reschedule: another time for a job that waits.
--
-- ARGV  1 prefix  2 id  3 ms since 1970, or "" for a delay  4 the delay in ms from now
-- Returns 1 done, 2 it is due already and stays so, -1 no such job, -2 it runs or has ended
-- Announces the job; wakes the workers of its queue when it is due now.
--@include _tail
--@include _queue

local DAY = 86400000
local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), 'state', 'queue', 'function', 'run_at', 'priority', 'expires_at')
local state, queue, fn, was = job[1], job[2], job[3], tonumber(job[4])
if not state then return -1 end
if state == 'running' or terminal[state] then return -2 end
local at = math.max(now, tonumber(ARGV[3]) or (now + tonumber(ARGV[4])))
if at == now and was <= now and state ~= 'deferred' then return 2 end

-- Keys that time out must not do so before the job had its turn.
local function outlive(key)
  local left = redis.call('PTTL', key)
  if left > 0 and left < at - now + DAY then redis.call('PEXPIRE', key, at - now + DAY) end
end

leave_queue(queue, fn, id)
settle() -- removals of a set are written before its additions, and here both concern one entry
zadd(queue, due_score(at, job[5]), id)
if state == 'retrying' then ripen(id, at, job[5]) end
outlive('arq:job:' .. id)
outlive('arq:retry:' .. id)
if job[6] then redis.call('HSET', job_key(id), 'expires_at', tonumber(job[6]) + at - was) end
redis.call('HDEL', job_key(id), 'slot')
local to = state == 'retrying' and state or (at > now and 'deferred' or 'queued')
unindex(state, queue, fn, id)
settle()
index(to, queue, fn, at, id)
change(id, 'state', to, 'run_at', at)
announce()
if at <= now then wake(queue) end
return 1
