-- stage: put nodes of a workflow in place that is about to begin. Nothing runs before `begin`; what is never begun goes
-- after an hour.
--
-- ARGV  1 prefix  2 workflow id, then per node: number  record (JSON, see _workflow.lua)  payload ("" for a join)
-- Returns how many nodes are in place.
-- Announces nothing.
--@include _tail

local wf = ARGV[2]
local nodes, calls = prefix .. 'nodes:' .. wf, prefix .. 'calls:' .. wf
for i = 3, #ARGV, 3 do
  redis.call('HSET', nodes, ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] ~= '' then redis.call('HSET', calls, ARGV[i], ARGV[i + 2]) end
end
if redis.call('EXISTS', prefix .. 'workflow:' .. wf) == 0 then
  redis.call('EXPIRE', nodes, 3600)
  redis.call('EXPIRE', calls, 3600)
end
return redis.call('HLEN', nodes)
