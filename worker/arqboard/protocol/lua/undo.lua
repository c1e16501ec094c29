-- undo: take back what was done to jobs in one batch: a retry of one that has not started yet, a deletion whose time is
-- not over. Each is as it was before.
--
-- ARGV  1 prefix  2 batch, then ids
-- Returns one number per job: 1 taken back, -1 it is gone for good, -2 it has started, or something else was done to it
--       since, -3 nothing of it is known in this batch (taken back before, or too late), -4 its id is in use again
-- Announces each; wakes the workers of queues with jobs that may run at once.
--@include _tail
--@include _queue
--@include _undo

local codes, woken = {}, {}

local function undo(id)
  local known = redis.call('HGET', prefix .. 'undo:' .. ARGV[2], id)
  if not known then return -3 end
  if known ~= 'deleted' then return unretry(id, ARGV[2], cjson.decode(known)) end
  local code, queue = undelete(id, ARGV[2])
  if queue then woken[queue] = true end
  return code
end

for i = 3, #ARGV do
  local code = undo(ARGV[i])
  if code == 1 then redis.call('HDEL', prefix .. 'undo:' .. ARGV[2], ARGV[i]) end
  codes[#codes + 1] = code
end
announce()
for queue in pairs(woken) do wake(queue) end
return codes
