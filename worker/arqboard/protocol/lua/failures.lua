-- failures: groups of failed jobs, with how many jobs each has in some times up to now. Reads only; one call instead of
-- forty per group.
--
-- ARGV  1 prefix  2 by (fingerprint, exception, function)  3 the one group that is asked for, or ""  4 groups with a
--       failure in the last so many ms (0: ever)  5 order (last, count)  6 groups to pass over  7 at most  8 parts of the
--       curve  9 ms of a part, then the times in ms that are counted
-- Returns {how many groups there are, now, groups}; a group is {name, ms of its newest failure, its record, jobs in each
--       time, jobs in all, ms of its oldest failure, jobs in each part of the curve, the last part being the one up to now}.
--       With a count, groups are ordered by jobs in the time of ARGV[4].

local prefix, by, only, since, order = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local offset, limit, parts, step = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local escapes = { ['%'] = '%25', ['/'] = '%2F', ['*'] = '%2A' }
local all = prefix .. 'failures:' .. by

local function segment(name) return (string.gsub(name, '[%%/*]', escapes)) end

local function jobs_of(name)
  if by == 'function' then return prefix .. 'jobs:failed/*/' .. segment(name) end
  return prefix .. 'failures:' .. by .. '/' .. segment(name)
end

local function end_of(key, rank)
  local found = redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')
  return found[2] or false
end

local function described(name, newest)
  local key = jobs_of(name)
  local record = redis.pcall('HGETALL', prefix .. 'failure:' .. by .. '/' .. segment(name))
  local counts, curve = {}, {}
  for n = 10, #ARGV do counts[#counts + 1] = redis.call('ZCOUNT', key, now - tonumber(ARGV[n]), '+inf') end
  for n = parts - 1, 0, -1 do
    local upper = n == 0 and '+inf' or '(' .. (now - n * step)
    curve[#curve + 1] = redis.call('ZCOUNT', key, now - (n + 1) * step, upper)
  end
  return { name, newest, not record.err and record or {}, counts, redis.call('ZCARD', key), end_of(key, 0), curve }
end

if only ~= '' then
  local newest = end_of(jobs_of(only), -1)
  return { newest and 1 or 0, now, { described(only, newest) } }
end

local from = since > 0 and now - since or '-inf'
local found = redis.call('ZRANGE', all, '+inf', from, 'BYSCORE', 'REV', 'WITHSCORES')
local groups = {}
for n = 1, #found, 2 do groups[#groups + 1] = { found[n], found[n + 1] } end
if order == 'count' then
  for _, group in ipairs(groups) do group[3] = redis.call('ZCOUNT', jobs_of(group[1]), from, '+inf') end
  table.sort(groups, function(a, b)
    if a[3] ~= b[3] then return a[3] > b[3] end
    return a[2] > b[2] or (a[2] == b[2] and a[1] < b[1])
  end)
end
local page = {}
for n = offset + 1, math.min(offset + limit, #groups) do page[#page + 1] = described(groups[n][1], groups[n][2]) end
return { #groups, now, page }
