-- Write how far a job is (its `version` stays: only its progress changed), and slide the window (5 to 10 s) that its rate is computed from.
-- `phases` is JSON where phases began, ended or were announced, else "". What was counted before is then another thing.

local function report(id, done, total, unit, note, phase, phases)
  local key = job_key(id)
  local w = redis.call('HMGET', key, 'base_at', 'base_done', 'mid_at', 'mid_done')
  local base_at, base_done, mid_at, mid_done = w[1], w[2], w[3], w[4]
  if not base_at or tonumber(done) < tonumber(base_done) or phases ~= '' then
    base_at, base_done, mid_at, mid_done = now, done, now, done
  elseif now - mid_at >= 5000 then
    base_at, base_done, mid_at, mid_done = mid_at, mid_done, now, done
  end
  redis.call('HSET', key, 'position', next_position(id), 'done', done, 'total', total, 'unit', unit, 'note', note,
    'phase', phase, 'reported', now, 'base_at', base_at, 'base_done', base_done, 'mid_at', mid_at, 'mid_done', mid_done)
  if phases ~= '' then redis.call('HSET', key, 'phases', phases) end
end

-- Whether this attempt still owns its job.
local function owns(id, token)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'token')
  return job[1] == 'running' and job[2] == token
end
