-- arq's queue: when a job may run, and in which order.

-- A higher priority counts as having waited this much longer (30 days a step), so arq's order by time stays one order.
local PRIORITY_MS = 2592000000

local function due_score(run_at, priority)
  if run_at > now then return run_at end
  return run_at - (tonumber(priority or 0) or 0) * PRIORITY_MS
end

-- A job that waits for its next try has no priority before that; `promote` gives it then.
local function ripen(id, run_at, priority)
  if run_at > now and (tonumber(priority or 0) or 0) > 0 then zadd(prefix .. 'ripening', run_at, id) end
end

-- A job of a workflow is called <workflow>.<number>; nil where it is called otherwise.
local function workflow_in(id) return string.match(id, '^(.+)%.%d+$') end

-- A job leaves its queue, also from where it waits for its function's limit or for its paused workflow.
local function leave_queue(queue, fn, id)
  zrem(queue, id)
  zrem(prefix .. 'parked:' .. fn, id)
  local wf = workflow_in(id)
  if wf then zrem(prefix .. 'held:' .. wf, id) end
end

-- A unique key is free again once its job has ended. One that is held for a time frees itself.
local function release_unique(unique, id)
  if not unique or unique == '' then return end
  local key = prefix .. 'unique:' .. unique
  if redis.call('GET', key) == id and redis.call('PTTL', key) == -1 then redis.call('DEL', key) end
end
