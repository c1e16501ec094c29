-- promote: deferred jobs whose time has come are queued, and those get their priority that are tried again. Claiming does
-- not need the first; counts and pages do.
--
-- ARGV  1 prefix  2 at most
-- Returns how many.
-- Announces each.
--@include _tail
--@include _queue

local due = redis.call('ZRANGE', prefix .. 'jobs:deferred/*/*', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'run_at', 'priority', 'slot')
  if not job.err and job[1] == 'deferred' and job[2] and job[3] and tonumber(job[4] or '') then
    unindex('deferred', job[2], job[3], id)
    index('queued', job[2], job[3], job[4], id)
    change(id, 'state', 'queued')
    if job[5] and not job[6] then redis.call('ZADD', job[2], 'XX', due_score(tonumber(job[4]), job[5]), id) end
  else
    zrem(prefix .. 'jobs:deferred/*/*', id)
  end
end

for _, id in ipairs(redis.call('ZRANGE', prefix .. 'ripening', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])) do
  zrem(prefix .. 'ripening', id)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'run_at', 'priority', 'slot')
  local run_at = not job.err and job[1] == 'retrying' and job[2] and not job[5] and tonumber(job[3] or '')
  if run_at and run_at <= now then redis.call('ZADD', job[2], 'XX', due_score(run_at, job[4]), id) end
end
announce()
return #due
