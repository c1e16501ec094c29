-- renew: a worker's heartbeat. Keeps its leases and brings back what it must know.
--
-- ARGV  1 prefix  2 worker  3 lease ms  4 queue  5 number of fields n, then n fields and values of the worker's
--       record, then per running job: id  token
-- Returns {lost ids (another attempt owns them), ids to abort, 1 when somebody looks at progress, ids of paused jobs,
--       1 when the worker is to claim no more, what was asked of it (JSON; see ask_stack)}
-- Announces nothing: pages look at workers once a second.
--@include _tail
--@include _gauges

local worker, lease, queue, n = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local lost, aborts, paused = {}, {}, {}
local any_abort = redis.call('EXISTS', 'arq:abort') == 1

-- The lock alone does not say it: that of a cron job outlives its end, and this heartbeat may have set out before it.
local function still_mine(id, token, job)
  if job[1] ~= 'running' or job[2] ~= token then return false end
  local lock = redis.call('GET', 'arq:in-progress:' .. id)
  return not lock or lock == token
end

for i = 6 + 2 * n, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local job = redis.pcall('HMGET', job_key(id), 'state', 'token', 'abort_requested', 'paused')
  if still_mine(id, token, job) then
    redis.call('SET', 'arq:in-progress:' .. id, token, 'PX', lease)
    zadd(queue, now + lease, id)
    if job[4] then paused[#paused + 1] = id end
    if job[3] then
      aborts[#aborts + 1] = id
    elseif any_abort and redis.call('ZREM', 'arq:abort', id) == 1 then
      change(id, 'abort_requested', now)
      aborts[#aborts + 1] = id
    end
  else
    lost[#lost + 1] = id
  end
end

local record = { worker_key = prefix .. 'worker:' .. worker }
for i = 6, 5 + 2 * n, 2 do redis.call('HSET', record.worker_key, ARGV[i], ARGV[i + 1]) end
redis.call('PEXPIRE', record.worker_key, 3600000)
redis.call('ZADD', prefix .. 'workers', now, worker)
redis.call('ZREMRANGEBYSCORE', prefix .. 'workers', '-inf', now - 3600000)
redis.call('SADD', prefix .. 'queues', queue)
if any_abort then redis.call('ZREMRANGEBYSCORE', 'arq:abort', '-inf', now - 86400000) end
announce()
sample_gauges()
local said = redis.call('HMGET', record.worker_key, 'draining', 'asked')
if said[2] then redis.call('HDEL', record.worker_key, 'asked') end
return { lost, aborts, redis.call('EXISTS', prefix .. 'viewers'), paused, said[1] == '1' and 1 or 0, said[2] or '' }
