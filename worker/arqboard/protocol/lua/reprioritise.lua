-- reprioritise: waiting jobs get another priority, many in one call.
--
-- ARGV  1 prefix  2 priority (0 to 9, higher first), then ids
-- Returns one number per job: 1 changed, -1 no such job, -2 it does not wait
-- Announces each.
--@include _tail
--@include _queue
--@include _reprioritise

local codes = {}
for i = 3, #ARGV do codes[#codes + 1] = reprioritise(ARGV[i], tonumber(ARGV[2])) end
announce()
return codes
