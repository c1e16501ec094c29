-- bulk: one batch of a bulk job. What is done to the jobs, what came of it and how far it is are one step, so a bulk job
-- whose worker dies goes on behind what it has done, and nothing is done twice.
--
-- ARGV  1 prefix  2 id of the bulk job  3 token of its attempt  4 action (retry, abort, delete, reprioritise)  5 the
--       priority, or who aborts (text for people)  6 where the next batch begins (text)  7 how many jobs were looked at,
--       then per job that fits: id  version as it was looked at
-- Returns what the bulk job has come to so far (JSON): at, looked, and how many were done, asked (to abort), gone,
--       refused (wrong state), lost_call, taken (its id is queued anew), changed (since they were looked at). Nothing
--       where the attempt does not own the bulk job any more.
-- Announces each job; wakes the workers of queues with retried jobs.
--@include _tail
--@include _attempt
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow
--@include _undo
--@include _retry
--@include _abort
--@include _discard
--@include _reprioritise
--@include _progress

local bulk, token, action, detail = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not owns(bulk, token) then return false end

local ACT = {
  retry = function(id) return requeue(id) end,
  abort = function(id) return abort_job(id, detail) end,
  delete = function(id) return discard(id, '', 0) end,
  reprioritise = function(id) return reprioritise(id, tonumber(detail)) end,
}
local NAMES = { [1] = 'done', [2] = 'asked', [-1] = 'gone', [-2] = 'refused', [-3] = 'lost_call', [-4] = 'taken' }

local function act(id, version)
  local known = redis.pcall('HGET', job_key(id), 'version')
  if type(known) ~= 'string' then return 'gone' end
  if known ~= version then return 'changed' end
  return NAMES[ACT[action](id)]
end

local so_far = decoded(redis.call('HGET', job_key(bulk), 'bulk') or '{}')
local function add(name, n) so_far[name] = (tonumber(so_far[name]) or 0) + n end

so_far.at = ARGV[6]
add('looked', tonumber(ARGV[7]))
for i = 8, #ARGV, 2 do add(act(ARGV[i], ARGV[i + 1]), 1) end
local told = cjson.encode(so_far)
redis.call('HSET', job_key(bulk), 'bulk', told)
settle_workflows()
announce()
wake_requeued()
return told
