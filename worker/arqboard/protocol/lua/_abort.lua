-- The end of a job that no worker holds, on request.
--
-- `job` is {state, queue, function, workflow, node, unique} of a job that has not ended. Needs _workflow.

local ABORTABLE = { 'state', 'queue', 'function', 'workflow', 'node', 'unique' }

local function abort_now(id, job, why)
  leave_queue(job[2], job[3], id)
  release_unique(job[6], id)
  zrem('arq:abort', id)
  redis.call('DEL', 'arq:retry:' .. id)
  keep_payload(id)
  archive_attempt(id, job[1] == 'running')
  fail_running_chunks(id)
  redis.call('HDEL', job_key(id), 'token', 'paused') -- its worker may come back and report an end: too late
  unindex(job[1], job[2], job[3], id)
  index('aborted', job[2], job[3], now, id)
  zadd(prefix .. 'ended', now, id)
  change(id, 'state', 'aborted', 'ended', now, 'error_type', 'Aborted', 'error', why)
  count('aborted', job[3], job[2])
  if job[1] == 'running' then count('lost', job[3]) end
  if job[4] then node_ended(job[4], tonumber(job[5]), 'aborted', '', 'Aborted', why) end
end

-- Ask the worker that runs it.
local function ask_to_abort(id)
  change(id, 'abort_requested', now)
  redis.call('PUBLISH', prefix .. 'control', 'abort ' .. id)
end

local function is_held(id) return redis.call('EXISTS', 'arq:in-progress:' .. id) == 1 end

-- 1 aborted, 2 its worker is asked, -1 no such job, -2 it has ended
local function abort_job(id, by)
  local job = redis.pcall('HMGET', job_key(id), unpack(ABORTABLE))
  if job.err or not (job[1] and job[2] and job[3]) then return -1 end
  if terminal[job[1]] then return -2 end
  if job[4] then settle() end -- the end of another one in this call may have started it
  if job[1] == 'running' and is_held(id) then
    ask_to_abort(id)
    return 2
  end
  abort_now(id, job, 'aborted while no worker ran it' .. (by ~= '' and ', by ' .. by or ''))
  return 1
end
