-- tick: what is due of a schedule runs. Of all workers that see the same tick, the first call does it.
--
-- ARGV  1 prefix  2 name  3 the tick that the caller saw due  4 the spec it reckoned with  5 when it is due next; ""
--       for never  6 how many ticks are missed  7 the newest of them (JSON, oldest first)  8 the call with a time of
--       now, or "" for the stored one, then the ticks that run
-- Returns {code, ids of the jobs}: 1 done, 0 nothing to do (another call did it, it is paused, changed or gone).
-- Announces the jobs; wakes the workers of their queue.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _unique
--@include _schedule
--@include _enqueue_scheduled

local name, expected = ARGV[2], ARGV[3]
local stored = redis.call('HMGET', schedule_key(name), 'next', 'spec', 'paused', 'job', 'job_id', 'ids', 'payload',
  'queue')
if stored[1] ~= expected or stored[2] ~= ARGV[4] or stored[3] == '1' then return { 0, {} } end

local schedule = { job = stored[4], job_id = stored[5] or '' }
local payload = ARGV[8] ~= '' and ARGV[8] or stored[7]
local ids = {}
missed(name, cjson.decode(ARGV[7]), tonumber(ARGV[6]))
for i = 9, #ARGV do
  local tick = ARGV[i]
  local id = schedule.job_id ~= '' and schedule.job_id or stored[6] .. ':' .. tick
  local other = enqueue_scheduled(name, id, schedule, payload)
  if other then
    remember(name, tick, other, 'overlapped')
    redis.call('HINCRBY', schedule_key(name), 'missed', 1)
  else
    ran(name, id, tick, 'enqueued')
    ids[#ids + 1] = id
  end
end
set_next(name, ARGV[5])
announce()
if #ids > 0 then wake(stored[8]) end
return { 1, ids }
