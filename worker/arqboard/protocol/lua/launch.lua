-- launch: enqueue jobs of workflows whose turn has come and that did not fit into the call that brought it.
--
-- ARGV  1 prefix  2 at most so many jobs
-- Returns how many nodes are left.
-- Announces the jobs; wakes the workers.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

LAUNCH = tonumber(ARGV[2])
local left, released = 0, {}

-- What was held while the workflow was paused goes back into its queue. Its record has not changed.
local function release(wf)
  local held = redis.call('ZPOPMIN', prefix .. 'held:' .. wf, LAUNCH - launched)
  for i = 1, #held, 2 do
    local job = redis.pcall('HMGET', job_key(held[i]), 'queue', 'state')
    if not job.err and job[1] and job[2] and not terminal[job[2]] then
      redis.call('ZADD', job[1], held[i + 1], held[i])
      released[job[1]] = true
      launched = launched + 1
    end
  end
end

local function carry_on(wf)
  release(wf)
  while launched < LAUNCH do
    local n = redis.call('LPOP', prefix .. 'ready:' .. wf)
    if not n then return end
    launch(wf, tonumber(n))
  end
end

for _, wf in ipairs(redis.call('SMEMBERS', prefix .. 'launching')) do
  local goes_on = flow(wf).state == 'running' and not flow(wf).paused
  if goes_on and launched < LAUNCH then carry_on(wf) end
  local waiting = redis.call('LLEN', prefix .. 'ready:' .. wf) + redis.call('ZCARD', prefix .. 'held:' .. wf)
  if waiting == 0 or not goes_on then redis.call('SREM', prefix .. 'launching', wf)
  else left = left + waiting end
end
for queue in pairs(released) do wake(queue) end
settle_workflows()
write_counts()
announce()
return left
