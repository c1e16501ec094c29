-- A job that does not run is deleted, for good or for now. Needs _queue, _workflow and _undo.
--
-- discard returns 1 gone for good, 2 it can be brought back, -1 no such job, -2 it is running.

-- Whether all that the deletion changes can be changed back: not what its workflow makes of it, nor a job that a stock
-- client has queued anew under the same id.
local function can_come_back(id, job)
  if terminal[job[1]] then return not redis.call('ZSCORE', job[2], id) end
  return not job[4]
end

local function forget_now(id, job)
  if not terminal[job[1]] or redis.call('ZSCORE', job[2], id) then
    leave_queue(job[2], job[3], id)
    release_unique(job[6], id)
    redis.call('DEL', 'arq:job:' .. id, 'arq:retry:' .. id)
  end
  redis.call('DEL', 'arq:result:' .. id)
  forget(id, job[1], job[2], job[3])
  if job[4] and not terminal[job[1]] then node_ended(job[4], tonumber(job[5]), 'aborted', '', 'Deleted', 'deleted') end
end

-- batch: what it is brought back by, "" for good; keep: ms in which it can be.
local function discard(id, batch, keep)
  local job = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'workflow', 'node', 'unique')
  if job.err or not job[1] or not job[2] or not job[3] then return -1 end
  if job[1] == 'running' then return -2 end
  if job[4] then settle() end -- the end of another one in this call may have started it
  local comes_back = batch ~= '' and can_come_back(id, job)
  zrem('arq:abort', id)
  if comes_back then
    delete_for_now(id, { job[1], job[2], job[3], job[6] }, batch, now + keep)
  else
    forget_now(id, job)
  end
  next_position(id)
  return comes_back and 2 or 1
end
