-- A schedule's job into its queue. Needs _queue, _create, _enqueue, _unique and _schedule.
--
-- An id that names one tick is used once. An id that all jobs of a schedule share is free again as arq has it: when the
-- job has ended and its result is gone.

local function is_taken(id, is_shared)
  if redis.call('EXISTS', 'arq:job:' .. id, 'arq:result:' .. id) > 0 then return true end
  local state = redis.pcall('HGET', job_key(id), 'state')
  if type(state) ~= 'string' then return false end
  return not (is_shared and terminal[state])
end

-- Returns the id of the job that is in the way, or nothing when this one is enqueued.
local function enqueue_scheduled(name, id, schedule, payload)
  if is_taken(id, schedule.job_id ~= '') then return id end
  local job = cjson.decode(schedule.job)
  job.id, job.schedule, job.source = id, name, 'schedule ' .. name
  local other = holder(job)
  if other then return other end
  enqueue(job, payload)
  hold_unique(job)
end

local function ran(name, id, tick, outcome)
  remember(name, tick, id, outcome)
  redis.call('HINCRBY', schedule_key(name), 'runs', 1)
  redis.call('HSET', schedule_key(name), 'last', tick, 'last_job', id)
end
