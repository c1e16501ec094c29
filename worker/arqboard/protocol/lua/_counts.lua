-- Counters of what happened, in all, by function and by queue. (Included by _tail; verbs call count, count_time,
-- count_error.)
--
-- A verb adds up here and writes once, into the hash of the open minute. The first verb in a later minute closes the
-- open one: adds it to its hour, its day and the totals. So exactly one minute is not yet in those, the one that
-- `stats:open` names, and nothing is added twice.
--
-- Fields, the function last since its name is anybody's text: `<what>` and `<what>|<function>`, where what is submitted,
-- started, succeeded, failed, aborted, retried, lost, run_ms, wait_ms, or `run|<bucket>` and `wait|<bucket>`; `errors`
-- and `errors|<function>`, a JSON object of exception types; `fn|<function>` for each one known, `#` how many.
-- `@<what>|<queue>` is the same for queues, of submitted, succeeded, failed, aborted, retried, `run|<bucket>` and
-- `wait|<bucket>`, with `@|<queue>` and `@` in place of `fn|` and `#`. It is in the minutes only: a page shows a queue's
-- last hours.
-- A lost or broken counter must not stop a job, hence pcall throughout.

local MINUTE_KEPT, HOUR_KEPT, DAY_KEPT = 93600, 7776000, 63072000 -- seconds: 26 h, 90 d, 2 y
local MAX_FUNCTIONS, MAX_FUNCTIONS_EVER, MAX_ERRORS = 200, 500, 20 -- in a hash; the others are added up as "other"
local MAX_QUEUES = 100 -- in a minute; the others are not counted
local counts = { all = {}, of = {}, queues = {} }

local function tally(counts, what, fn, n)
  counts.all[what] = (counts.all[what] or 0) + n
  if not fn then return end
  local own = counts.of[fn]
  if not own then own = {}; counts.of[fn] = own end
  own[what] = (own[what] or 0) + n
end

local function tally_queue(counts, what, queue)
  local own = counts.queues[queue]
  if not own then own = {}; counts.queues[queue] = own end
  own[what] = (own[what] or 0) + 1
end

-- queue: nil for what is not counted by queue
local function count(what, fn, queue)
  tally(counts, what, fn, 1)
  if queue then tally_queue(counts, what, queue) end
end

-- kind: run or wait; queue: nil for what is not counted by queue
local function count_time(kind, fn, ms, queue)
  local bucket, bound = 0, 1
  while ms > bound and bucket < 21 do bucket, bound = bucket + 1, bound * 2 end
  local what = kind .. '|' .. bucket
  tally(counts, what, fn, 1)
  tally(counts, kind .. '_ms', fn, ms)
  if queue then tally_queue(counts, what, queue) end
end

local function tally_errors(errors, kind, n)
  errors[kind] = (tonumber(errors[kind]) or 0) + (tonumber(n) or 0)
end

local function count_error(fn, kind)
  if kind == '' then kind = 'unknown' end
  if not counts.of[fn] then counts.of[fn] = {} end
  for _, own in ipairs({ counts.all, counts.of[fn] }) do
    if not own.errors then own.errors = {} end
    tally_errors(own.errors, kind, 1)
  end
end

local function decoded(json)
  local ok, value = pcall(cjson.decode, json)
  return ok and type(value) == 'table' and value or {}
end

local function add_errors(key, field, errors)
  local known, size = decoded(redis.pcall('HGET', key, field)), 0
  for kind in pairs(known) do
    if kind ~= 'other' then size = size + 1 end
  end
  for kind, n in pairs(errors) do
    if not known[kind] and kind ~= 'other' then
      if size >= MAX_ERRORS then kind = 'other' else size = size + 1 end
    end
    tally_errors(known, kind, n)
  end
  redis.pcall('HSET', key, field, cjson.encode(known))
end

-- What a hash knows of these functions and queues: `#`, `@`, then a mark of each. Nil where it can't be read.
local function marks_in(key, functions, queues)
  local fields = { '#', '@' }
  for _, fn in ipairs(functions) do fields[#fields + 1] = 'fn|' .. fn end
  for _, queue in ipairs(queues) do fields[#fields + 1] = '@|' .. queue end
  local marks = redis.pcall('HMGET', key, unpack(fields))
  if not marks.err then return marks end
end

-- Let names into a hash up to its limit. `marks[first]` is that of the first one. Returns the set of those that are in.
local function let_in(key, names, marks, first, counter, size, prefix_of_mark, limit)
  local inside, is_full = {}, false
  size = tonumber(size or 0) or 0
  for n, name in ipairs(names) do
    if marks[first + n - 1] then
      inside[name] = name
    elseif size < limit then
      size, inside[name] = size + 1, name
      redis.pcall('HSET', key, prefix_of_mark .. name, 1, counter, size)
    else
      is_full = true
    end
  end
  return inside, is_full
end

-- Those of functions that a hash has no more room for are "other" in it.
local function let_functions_in(key, functions, marks, limit)
  local shown, is_full = let_in(key, functions, marks, 3, '#', marks[1], 'fn|', limit)
  for _, fn in ipairs(functions) do shown[fn] = shown[fn] or 'other' end
  return shown, is_full
end

local function add_fields(key, suffix, fields)
  for what, n in pairs(fields) do
    if what == 'errors' then add_errors(key, what .. suffix, n)
    else redis.pcall('HINCRBY', key, what .. suffix, n) end
  end
end

-- A field of a closed minute under the name that a full hash has for its function.
local function renamed(field, shown)
  local what, rest = string.match(field, '^([%a_]+)|(.*)$')
  if not what then return field end
  if what ~= 'run' and what ~= 'wait' then return what .. '|' .. (shown[rest] or rest) end
  local bucket, fn = string.match(rest, '^(%d+)|(.*)$')
  if not bucket then return field end
  return what .. '|' .. bucket .. '|' .. (shown[fn] or fn)
end

-- Add all that a minute counted to another hash. Fields go over as they are: it can be thousands.
local function add_minute(key, flat, functions, limit)
  local marks = marks_in(key, functions, {})
  if not marks then return end
  local shown, is_full = let_functions_in(key, functions, marks, limit)
  for i = 1, #flat, 2 do
    local field, value = flat[i], flat[i + 1]
    local kind = string.sub(field, 1, 3)
    if is_full then field = renamed(field, shown) end
    if kind == 'err' then add_errors(key, field, decoded(value))
    elseif kind ~= 'fn|' and kind ~= '#' and string.byte(kind) ~= 64 then -- 64: @
      redis.pcall('HINCRBY', key, field, value)
    end
  end
end

local function close_minute(minute)
  local key, hour, day = prefix .. 'stats:' .. minute, math.floor(minute / 60), math.floor(minute / 1440)
  local flat, functions = redis.pcall('HGETALL', key), {}
  for i = 1, #flat, 2 do
    if string.sub(flat[i], 1, 3) == 'fn|' then functions[#functions + 1] = string.sub(flat[i], 4) end
  end
  add_minute(prefix .. 'stats:hour:' .. hour, flat, functions, MAX_FUNCTIONS)
  add_minute(prefix .. 'stats:day:' .. day, flat, functions, MAX_FUNCTIONS)
  add_minute(prefix .. 'stats:totals', flat, functions, MAX_FUNCTIONS_EVER)
  redis.call('EXPIREAT', prefix .. 'stats:hour:' .. hour, hour * 3600 + HOUR_KEPT)
  redis.call('EXPIREAT', prefix .. 'stats:day:' .. day, day * 86400 + DAY_KEPT)
  redis.call('EXPIREAT', key, minute * 60 + MINUTE_KEPT) -- not before: it would be lost to the totals
  redis.pcall('HDEL', key, '#', '@')
end

-- The minute to count in: this one, or a later one when the clock was set back a little.
local function open_minute(minute)
  local open = tonumber(redis.call('GET', prefix .. 'stats:open') or 0) or 0
  if open > minute and open < minute + 60 then return open end
  local key = prefix .. 'stats:' .. minute
  if open > 0 and open ~= minute then
    close_minute(open)
    redis.call('DEL', key) -- closed once, while the clock was wrong: its counts are in the totals
  end
  redis.call('SET', prefix .. 'stats:open', minute)
  redis.pcall('HSETNX', key, '#', 0)
  redis.call('PERSIST', key)
  return minute
end

local function keys_of(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  return list
end

-- `#` is in the minute's hash as long as the minute is open.
local function write_counts()
  if next(counts.all) == nil then return end
  local added = counts
  counts = { all = {}, of = {}, queues = {} }
  local functions, queues = keys_of(added.of), keys_of(added.queues)
  local minute = math.floor(now / 60000)
  local key = prefix .. 'stats:' .. minute
  local marks = marks_in(key, functions, queues)
  if not (marks and marks[1]) then
    key = prefix .. 'stats:' .. open_minute(minute)
    marks = marks_in(key, functions, queues)
  end
  if not marks then return end
  local shown = let_functions_in(key, functions, marks, MAX_FUNCTIONS)
  local counted = let_in(key, queues, marks, 3 + #functions, '@', marks[2], '@|', MAX_QUEUES)
  add_fields(key, '', added.all)
  for fn, own in pairs(added.of) do add_fields(key, '|' .. shown[fn], own) end
  for queue in pairs(counted) do
    for what, n in pairs(added.queues[queue]) do redis.pcall('HINCRBY', key, '@' .. what .. '|' .. queue, n) end
  end
end
