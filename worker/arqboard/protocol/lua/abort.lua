-- abort: end a waiting job now, and a running one that no worker holds; else ask its worker to cancel it.
--
-- ARGV  1 prefix  2 id  3 ended by (text for people)
-- Returns 1 aborted, 2 its worker is asked, -1 no such job, -2 it has ended
-- Announces the job; tells the workers.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _abort

local id = ARGV[2]
local job = redis.call('HMGET', job_key(id), unpack(ABORTABLE))
if not job[1] then return -1 end
if terminal[job[1]] then return -2 end

if job[1] == 'running' and is_held(id) then
  ask_to_abort(id)
  announce()
  return 2
end

abort_now(id, job, 'aborted while no worker ran it' .. (ARGV[3] ~= '' and ', by ' .. ARGV[3] or ''))
settle_workflows()
announce()
return 1
