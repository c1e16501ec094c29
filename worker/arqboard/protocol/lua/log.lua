-- log: lines that running jobs logged, for the stream of each.
--
-- ARGV  1 prefix  2 lines to keep per job, then per job: id  token  how many lines this attempt had sent before
--       lines (JSON list of lists: age in ms, level as number and name, logger, message)
-- Returns one number per job: 1 written, 0 the attempt does not own the job any more.
-- Announces each written job. Lines that are sent again after a lost reply are written once.
--@include _tail

local keep, codes = ARGV[2], {}

-- How many of these lines are here already.
local function known(job, sent)
  if job[4] ~= job[3] then return 0 end
  return math.max(0, tonumber(job[5] or 0) - sent)
end

local function write(id, job, sent, lines)
  local first, warnings, errors = known(job, sent) + 1, 0, 0
  for n = first, #lines do
    local line = lines[n]
    if line[2] >= 40 then errors = errors + 1 elseif line[2] >= 30 then warnings = warnings + 1 end
    redis.call('XADD', prefix .. 'log:' .. id, 'MAXLEN', '~', keep, '*', 'time', string.format('%.0f', now - line[1]),
      'no', line[2], 'level', line[3], 'logger', line[4], 'message', line[5], 'attempt', job[3] or 0)
  end
  if first > #lines then return end
  redis.call('HINCRBY', job_key(id), 'log_lines', #lines - first + 1)
  if warnings > 0 then redis.call('HINCRBY', job_key(id), 'log_warnings', warnings) end
  if errors > 0 then redis.call('HINCRBY', job_key(id), 'log_errors', errors) end
  redis.call('HSET', job_key(id), 'position', next_position(id), 'log_attempt', job[3] or 0, 'log_sent', sent + #lines)
end

for i = 3, #ARGV, 4 do
  local id = ARGV[i]
  local job = redis.pcall('HMGET', job_key(id), 'state', 'token', 'attempt', 'log_attempt', 'log_sent')
  if job[1] == 'running' and job[2] == ARGV[i + 1] then
    write(id, job, tonumber(ARGV[i + 2]), cjson.decode(ARGV[i + 3]))
    codes[#codes + 1] = 1
  else
    codes[#codes + 1] = 0
  end
end
announce()
return codes
