-- submit: put jobs into their queues, with their records, in one step; many in one call.
--
-- ARGV  1 prefix, then per job: its payload (what the worker's deserializer reads), its description (JSON): id,
--       function, queue, args, kwargs (JSON texts), defer ms, expires ms or absent, once (idempotency key) and
--       fingerprint of the request, source, max_tries, timeout s or "", nonce (the same when a lost reply is asked for
--       again), and if they are given options, priority (0 to 9), tags (JSON list), unique key and window
--       ms, parent, retry_of.
-- Returns per job {code, id}: 1 accepted, 2 accepted earlier (same idempotency key or nonce), 3 another job has the
--       unique key (its id), -1 the id is taken, -3 the idempotency key was used for another request.
-- Announces the jobs; wakes the workers of queues with jobs that may run at once.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _unique

local function accepted_earlier(job)
  if (job.once or '') == '' then return nil end
  local known = redis.call('HMGET', prefix .. 'once:' .. job.once, 'fingerprint', 'id')
  if not known[1] then return nil end
  if known[1] == job.fingerprint then return { 2, known[2] } end
  return { -3, '' }
end

local function remember(job)
  if (job.once or '') == '' then return end
  redis.call('HSET', prefix .. 'once:' .. job.once, 'fingerprint', job.fingerprint, 'id', job.id)
  redis.call('EXPIRE', prefix .. 'once:' .. job.once, 86400)
end

local function accept(job, payload)
  local earlier = accepted_earlier(job)
  if earlier then return earlier end
  local old = redis.pcall('HMGET', job_key(job.id), 'state', 'nonce')
  if old.err then old = {} end
  if old[1] and old[2] == job.nonce then return { 2, job.id } end
  local other = holder(job)
  if other then return { 3, other } end
  if redis.call('EXISTS', 'arq:job:' .. job.id, 'arq:result:' .. job.id) > 0 then return { -1, job.id } end
  if old[1] and not terminal[old[1]] then return { -1, job.id } end
  enqueue(job, payload)
  remember(job)
  hold_unique(job)
  return { 1, job.id }
end

local answers, woken = {}, {}
for i = 2, #ARGV, 2 do
  local job = cjson.decode(ARGV[i + 1])
  local answer = accept(job, ARGV[i])
  if answer[1] == 1 and job.run_at <= now then woken[job.queue] = true end
  answers[#answers + 1] = answer
end
announce()
for queue in pairs(woken) do wake(queue) end
return answers
