-- submit: put one job into its queue, with its record, in one step.
--
-- ARGV  1 prefix  2 id  3 function  4 queue  5 payload (what the worker's deserializer reads)  6 args (JSON)
--       7 kwargs (JSON)  8 defer ms  9 expires ms  10 idempotency key or ""  11 fingerprint of the request
--       12 source  13 max tries  14 timeout s or ""  15 nonce (the same when a lost reply is asked for again)
-- Returns {code, id}: 1 accepted, 2 accepted earlier (same key or nonce), -1 the id is taken, -3 the key was used
--       for another request.
-- Announces the job; wakes the queue's workers when it may run at once.
--@include _tail
--@include _create

local id, fn, queue = ARGV[2], ARGV[3], ARGV[4]
local defer, once = tonumber(ARGV[8]), ARGV[10]

if once ~= '' then
  local known = redis.call('HMGET', prefix .. 'once:' .. once, 'fingerprint', 'id')
  if known[1] then
    if known[1] == ARGV[11] then return { 2, known[2] } end
    return { -3, '' }
  end
end

local old = redis.call('HMGET', job_key(id), 'state', 'nonce')
if old[1] and old[2] == ARGV[15] then return { 2, id } end
if redis.call('EXISTS', 'arq:job:' .. id, 'arq:result:' .. id) > 0 then return { -1, id } end
if old[1] and not terminal[old[1]] then return { -1, id } end

redis.call('SET', 'arq:job:' .. id, ARGV[5], 'PX', ARGV[9])
redis.call('ZADD', queue, now + defer, id)
redis.call('ZREM', 'arq:abort', id)
redis.call('DEL', 'arq:retry:' .. id)
create(id, fn, queue, ARGV[6], ARGV[7], now, now + defer, ARGV[12], ARGV[13], ARGV[14], ARGV[15])
if once ~= '' then
  redis.call('HSET', prefix .. 'once:' .. once, 'fingerprint', ARGV[11], 'id', id)
  redis.call('EXPIRE', prefix .. 'once:' .. once, 86400)
end
announce()
if defer <= 0 then wake(queue) end
return { 1, id }
