-- The last attempt of a job lives in its hash; it moves to the list of earlier ones when another one follows.

local ATTEMPT = { 'attempt', 'started', 'ended', 'worker', 'outcome', 'error_type', 'error', 'traceback' }

local function push_attempt(id, values)
  local entry = { number = values[1], started = values[2], ended = values[3] or nil, worker = values[4] or '',
    outcome = values[5] or nil, error_type = values[6] or nil, error = values[7] or nil, traceback = values[8] or nil }
  local key = prefix .. 'attempts:' .. id
  if type(redis.pcall('RPUSH', key, cjson.encode(entry))) == 'number' then redis.call('LTRIM', key, -100, -1) end
end

-- Move the last attempt to the list. `lost` says that its worker never reported its end.
local function archive_attempt(id, lost)
  local values = redis.call('HMGET', job_key(id), unpack(ATTEMPT))
  if not values[2] then return end
  if lost then values[3], values[5] = now, 'lost' end
  push_attempt(id, values)
  redis.call('HDEL', job_key(id), 'started', 'ended', 'worker', 'outcome', 'error_type', 'error', 'traceback')
end

-- Chunks that ran when an attempt ended did not finish: they failed.
local function fail_running_chunks(id)
  local running = tonumber(redis.call('HGET', job_key(id), 'chunk_running') or 0)
  if running == 0 then return end
  local key = prefix .. 'chunks:' .. id
  local marks, n = string.gsub(redis.call('GET', key) or '', 'r', 'f')
  redis.call('SET', key, marks)
  redis.call('HINCRBY', job_key(id), 'chunk_failed', n)
  redis.call('HSET', job_key(id), 'chunk_running', 0)
end
