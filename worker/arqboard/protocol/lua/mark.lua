-- mark: chunks of running jobs that began, were done, or failed; with the progress that follows from them.
--
-- ARGV  1 prefix, then per job: id  token  done  total or ""  unit  note  phase  phases (JSON; "" unchanged)
--       chunk total  chunk size  chunk items  marks ("index:letter", comma separated; r running, d done, f failed,
--       s skipped, . waiting)  ends (JSON list of lists: index, ms, error or ""; or "") of chunks that ended
-- Returns one number per job: 0 the attempt does not own the job any more; else 1, and 1 more for each time that
--       somebody skipped chunks of it during this attempt (skip_chunks)
-- Announces each written job. Another total, size or number of items than before starts the map anew.
--@include _tail
--@include _progress

local NAMES = { r = 'chunk_running', d = 'chunk_done', f = 'chunk_failed', s = 'chunk_skipped' }

local function prepare(id, map, total, size, items)
  local key = job_key(id)
  local known = redis.call('HMGET', key, 'chunk_total', 'chunk_size', 'chunk_items')
  if known[1] == total and known[2] == size and known[3] == items then return end
  redis.call('SET', map, string.rep('.', tonumber(total)))
  redis.call('DEL', prefix .. 'chunk_info:' .. id)
  redis.call('HSET', key, 'chunk_total', total, 'chunk_size', size, 'chunk_items', items, 'chunk_running', 0,
    'chunk_done', 0, 'chunk_failed', 0, 'chunk_skipped', 0)
end

local function set_marks(id, map, marks)
  local delta = {}
  for at, letter in string.gmatch(marks, '(%d+):(.)') do
    local old = redis.call('GETRANGE', map, at, at)
    if old ~= letter then
      redis.call('SETRANGE', map, at, letter)
      if NAMES[old] then delta[NAMES[old]] = (delta[NAMES[old]] or 0) - 1 end
      if NAMES[letter] then delta[NAMES[letter]] = (delta[NAMES[letter]] or 0) + 1 end
    end
  end
  for field, by in pairs(delta) do
    if by ~= 0 then redis.call('HINCRBY', job_key(id), field, by) end
  end
end

local function set_ends(id, ends)
  if ends == '' then return end
  local key, attempt = prefix .. 'chunk_info:' .. id, redis.call('HGET', job_key(id), 'attempt') or 0
  for _, ended in ipairs(cjson.decode(ends)) do
    redis.call('HSET', key, ended[1], ended[2] .. '|' .. attempt .. '|' .. ended[3])
  end
end

local codes = {}
for i = 2, #ARGV, 13 do
  local id = ARGV[i]
  local map = prefix .. 'chunks:' .. id
  if owns(id, ARGV[i + 1]) then
    prepare(id, map, ARGV[i + 8], ARGV[i + 9], ARGV[i + 10])
    set_marks(id, map, ARGV[i + 11])
    set_ends(id, ARGV[i + 12])
    report(id, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7])
    codes[#codes + 1] = 1 + tonumber(redis.call('HGET', job_key(id), 'skips') or 0)
  else
    codes[#codes + 1] = 0
  end
end
announce()
return codes
