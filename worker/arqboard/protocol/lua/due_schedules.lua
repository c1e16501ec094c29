-- due_schedules: what a worker has to tick, and the time by which it is due. Reads only.
--
-- A worker ticks the schedules of its own code, and those that programs put in place for its queue.
--
-- ARGV  1 prefix  2 ms to add to the time (time travel in tests)  3 queue  4 at most, then the names in its code
-- Returns {now, ms until another one is due or -1, {name, next, spec, catch_up, fingerprint} …}
--@include _tail

local function is_own(fields, name, names)
  if fields[4] == 'program' then return fields[5] == ARGV[3] end
  return names[name]
end

local names, due, wait = {}, {}, -1
for i = 5, #ARGV do names[ARGV[i]] = true end
local clock = now + tonumber(ARGV[2])
local found = redis.call('ZRANGE', prefix .. 'schedules', '-inf', clock, 'BYSCORE', 'LIMIT', 0, 1000)
for _, name in ipairs(found) do
  local fields = redis.pcall('HMGET', prefix .. 'schedule:' .. name, 'next', 'spec', 'catch_up', 'source', 'queue',
    'fingerprint')
  if not fields.err and fields[1] and fields[2] and is_own(fields, name, names) and #due < tonumber(ARGV[4]) then
    due[#due + 1] = { name, fields[1], fields[2], fields[3] or '', fields[6] or '' }
  end
end
local later = redis.call('ZRANGE', prefix .. 'schedules', '(' .. string.format('%.0f', clock), '+inf', 'BYSCORE',
  'LIMIT', 0, 1, 'WITHSCORES')
if later[2] and later[2] ~= 'inf' then wait = math.ceil(tonumber(later[2]) - clock) end
return { now, wait, due }
