-- rows: chosen fields of many jobs. Reads only; one command instead of one per job.
--
-- ARGV  1 prefix  2 number of ids n  then n ids, then the fields
-- Returns one list of values per id; false for a key that is not a hash.

local n, fields = tonumber(ARGV[2]), {}
for i = 3 + n, #ARGV do fields[#fields + 1] = ARGV[i] end
local rows = {}
for i = 3, 2 + n do
  local row = redis.pcall('HMGET', ARGV[1] .. 'job:' .. ARGV[i], unpack(fields))
  rows[#rows + 1] = not row.err and row
end
return rows
