-- adopt: make records of jobs that stock `enqueue_job` put into the queue. The worker has read their payloads.
--
-- ARGV  1 prefix  2 queue, then per job: id  function  args (JSON)  kwargs (JSON)  enqueued ms  max tries
--       timeout s or ""  unique (1: an id that names one run, as cron's; met again it is a late duplicate)
--       tags (JSON list) or ""
-- Returns how many records were made.
-- Announces each.
--@include _tail
--@include _queue
--@include _create

local queue, made = ARGV[2], 0
for i = 3, #ARGV, 9 do
  local id = ARGV[i]
  local score = redis.call('ZSCORE', queue, id)
  local record = redis.pcall('HMGET', job_key(id), 'state', 'queue', 'function', 'run_at', 'enqueued')
  local old = not record.err and record[2] and record[3] and record[4] and record[5] and record[1]
  if score and not (old and not terminal[old]) then
    if old and ARGV[i + 7] == '1' then
      zrem(queue, id)
      redis.call('DEL', 'arq:job:' .. id)
    else
      local enqueued = tonumber(ARGV[i + 4])
      local run_at = tonumber(score)
      if run_at <= 1 then run_at = enqueued end -- arq's abort of a deferred job sets the score to 1
      create({ id = id, ['function'] = ARGV[i + 1], queue = queue, args = ARGV[i + 2], kwargs = ARGV[i + 3],
        enqueued = enqueued, run_at = run_at, source = 'enqueue_job', max_tries = ARGV[i + 5],
        timeout = ARGV[i + 6], tags = ARGV[i + 8] })
      made = made + 1
    end
  end
end
announce()
return made
