-- skip_chunks: somebody decides that chunks which failed, or which nobody has begun, need not run.
--
-- ARGV  1 prefix  2 id  3 which: f (failed), . (waiting) or both letters  4 indexes, comma separated; `*` for all
-- Returns how many were skipped, -1 no such job, -2 it has no chunks
-- Announces the job. A running worker hears of it with the answer to its next `mark`: before its next chunk begins. One
-- that had begun by then runs to its end, and its mark says so.
--@include _tail

local id, which, wanted = ARGV[2], ARGV[3], ARGV[4]
local key, map = job_key(ARGV[2]), prefix .. 'chunks:' .. ARGV[2]
local job = redis.call('HMGET', key, 'state', 'chunk_total', 'chunk_done', 'chunk_failed', 'chunk_skipped')
if not job[1] then return -1 end
if not job[2] then return -2 end
local takes = { f = string.find(which, 'f', 1, true) ~= nil, ['.'] = string.find(which, '.', 1, true) ~= nil }
local failed, waiting = 0, 0

local function skipped(mark)
  if not takes[mark] then return mark end
  if mark == 'f' then failed = failed + 1 else waiting = waiting + 1 end
  return 's'
end

if wanted == '*' then
  local marks = string.gsub(redis.call('GET', map) or '', '.', skipped)
  if failed + waiting > 0 then redis.call('SET', map, marks) end
else
  for at in string.gmatch(wanted, '%d+') do
    local old = redis.call('GETRANGE', map, at, at)
    local new = skipped(old)
    if new ~= old then redis.call('SETRANGE', map, at, new) end
  end
end

local n = failed + waiting
if n == 0 then return 0 end
local all = tonumber(job[5] or 0) + n
change(id, 'chunk_failed', tonumber(job[4] or 0) - failed, 'chunk_skipped', all)
if job[1] == 'running' then redis.call('HINCRBY', key, 'skips', 1) end
if job[1] == 'succeeded' and tonumber(job[3] or 0) + all >= tonumber(job[2]) then -- nothing is left to run it for
  redis.call('DEL', prefix .. 'payload:' .. id)
end
announce()
return n
