-- promote: deferred jobs whose time has come are queued. Claiming does not need it; counts and pages do.
--
-- ARGV  1 prefix  2 at most
-- Returns how many.
-- Announces each.
--@include _tail
--@include _queue

local due = redis.call('ZRANGE', prefix .. 'jobs:deferred/*/*', '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[2])
for _, id in ipairs(due) do
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'run_at', 'priority', 'slot')
  if not job.err and job[1] == 'deferred' then
    unindex('deferred', job[2], job[3], id)
    index('queued', job[2], job[3], job[4], id)
    change(id, 'state', 'queued')
    if job[5] and not job[6] then redis.call('ZADD', job[2], 'XX', due_score(tonumber(job[4]), job[5]), id) end
  else
    zrem(prefix .. 'jobs:deferred/*/*', id)
  end
end
announce()
return #due
