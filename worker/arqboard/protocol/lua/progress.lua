-- progress: the latest progress of many running jobs, in one call of at most 100.
--
-- ARGV  1 prefix, then per job: id  token  done  total or ""  unit  note  phase  phases (JSON; "" unchanged)
-- Returns one number per job: 1 written, 0 the attempt does not own the job any more.
-- Announces each written job.
--@include _tail
--@include _progress

local codes = {}
for i = 2, #ARGV, 8 do
  local id = ARGV[i]
  if owns(id, ARGV[i + 1]) then
    report(id, ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7])
    codes[#codes + 1] = 1
  else
    codes[#codes + 1] = 0
  end
end
announce()
return codes
