-- retry_later: attempts that ended without ending their job; it runs again after a while.
--
-- ARGV  1 prefix, then per job: id  token  defer ms  outcome (retry, handed_over)  burns a try (1 or 0)  error type
--       error  traceback
-- Returns one number per job: 1 written, 2 written earlier (a lost reply), 0 the attempt does not own the job any more.
-- Announces each; wakes the queue's workers for jobs that may run at once.
--@include _tail
--@include _attempt
--@include _queue

local codes, woken = {}, {}

-- A job whose workflow has ended while it ran does not run again: the sweep ends it as it ends those that wait.
local function leave_to_the_sweep(wf, n)
  local key = prefix .. 'workflow:' .. wf
  local flow = redis.pcall('HMGET', key, 'state', 'swept')
  if flow[1] ~= 'failed' and flow[1] ~= 'aborted' then return end
  redis.call('HSET', key, 'swept', math.min(tonumber(flow[2] or 0), tonumber(n)))
  redis.call('SADD', prefix .. 'stopping', wf)
  redis.call('PUBLISH', prefix .. 'control', 'workflows')
end

local DAY = 88400000 -- as long as arq counts tries

-- arq forgets how many tries there were, and a call that may expire, after about a day. A job may run, or wait for its
-- next try, longer than that.
local function outlive(id, tries, defer)
  redis.call('SET', 'arq:retry:' .. id, tries, 'PX', defer + DAY)
  local left = redis.call('PTTL', 'arq:job:' .. id)
  if left > 0 and left < defer + DAY then redis.call('PEXPIRE', 'arq:job:' .. id, defer + DAY) end
end

for i = 2, #ARGV, 8 do
  local id, token, defer, outcome = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  local job = redis.pcall('HMGET', job_key(id), 'state', 'token', 'function', 'queue', 'priority',
    'workflow', 'node', 'abort_requested', 'tries')
  local lock = redis.call('GET', 'arq:in-progress:' .. id)
  if job[1] == 'running' and job[2] == token and job[3] and job[4] and (not lock or lock == token) then
    if job[8] then defer = 0 end -- the next claim ends it; nobody waits for that longer than need be
    local state = outcome == 'retry' and 'retrying' or 'queued'
    zadd(job[4], due_score(now + defer, job[5]), id)
    ripen(id, now + defer, job[5])
    redis.call('DEL', 'arq:in-progress:' .. id)
    outlive(id, (tonumber(job[9] or 1) or 1) - (ARGV[i + 4] == '0' and 1 or 0), defer)
    fail_running_chunks(id)
    unindex('running', job[4], job[3], id)
    index(state, job[4], job[3], now + defer, id)
    change(id, 'state', state, 'outcome', outcome, 'ended', now, 'run_at', now + defer)
    if ARGV[i + 5] ~= '' then
      redis.call('HSET', job_key(id), 'error_type', ARGV[i + 5], 'error', ARGV[i + 6], 'traceback', ARGV[i + 7])
    end
    if job[6] then leave_to_the_sweep(job[6], job[7]) end
    if outcome == 'retry' then count('retried', job[3], job[4]) end
    if defer <= 0 then woken[job[4]] = true end
    codes[#codes + 1] = 1
  else
    codes[#codes + 1] = (job[2] == token and job[1] ~= 'running') and 2 or 0
  end
end
announce()
for queue in pairs(woken) do wake(queue) end
return codes
