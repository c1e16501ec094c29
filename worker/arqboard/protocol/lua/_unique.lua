-- A unique key: one job at a time holds it, or, with a window (ms), one job in that time. `job` is as `enqueue` takes
-- it. release_unique is in _queue.

local function unique_key(job) return prefix .. 'unique:' .. job.unique end
local function is_unique(job) return (job.unique or '') ~= '' end

-- The job that has the key of this one: it waits or runs, or its window lasts.
local function holder(job)
  if not is_unique(job) then return nil end
  local id = redis.call('GET', unique_key(job))
  if not id then return nil end
  if redis.call('PTTL', unique_key(job)) > 0 then return id end
  local state = redis.pcall('HGET', job_key(id), 'state')
  return type(state) == 'string' and not terminal[state] and id or nil
end

local function hold_unique(job)
  if not is_unique(job) then return end
  local window = tonumber(job.window or 0)
  if window > 0 then redis.call('SET', unique_key(job), job.id, 'PX', window)
  else redis.call('SET', unique_key(job), job.id) end
end
