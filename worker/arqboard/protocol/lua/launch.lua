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
local left = 0
for _, wf in ipairs(redis.call('SMEMBERS', prefix .. 'launching')) do
  local ready = prefix .. 'ready:' .. wf
  if flow(wf).state == 'running' then
    while launched < LAUNCH do
      local n = redis.call('LPOP', ready)
      if not n then break end
      launch(wf, tonumber(n))
    end
  end
  local waiting = redis.call('LLEN', ready)
  if waiting == 0 or flow(wf).state ~= 'running' then redis.call('SREM', prefix .. 'launching', wf)
  else left = left + waiting end
end
settle_workflows()
write_counts()
announce()
return left
