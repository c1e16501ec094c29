-- begin: start a workflow whose nodes have been staged.
--
-- ARGV  1 prefix  2 workflow id  3 its description (JSON): name, size (nodes), total (jobs), exit (the node whose end is
--       the workflow's), on_error (stop, continue), source, parent, roots (nodes that start at once), joins (join →
--       how many members it waits for), shape (see shape.py), once and fingerprint (idempotency)  4 ended workflows to keep
--       5 ms to keep them
-- Returns {code, id}: 1 begun, 2 begun earlier, -1 not all of its nodes are staged, -3 the idempotency key was used for
--       another request.
-- Announces the workflow and the jobs it starts; wakes the workers.
--@include _tail
--@include _queue
--@include _create
--@include _enqueue
--@include _workflow

local wf, given = ARGV[2], cjson.decode(ARGV[3])
if (given.once or '') ~= '' then
  local known = redis.call('HMGET', prefix .. 'once:' .. given.once, 'fingerprint', 'id')
  if known[1] then
    if known[1] == given.fingerprint then return { 2, known[2] } end
    return { -3, '' }
  end
end
if redis.call('EXISTS', flow_key(wf)) == 1 then return { 2, wf } end
if redis.call('HLEN', prefix .. 'nodes:' .. wf) ~= given.size then return { -1, wf } end

local TRIM = 5
local excess = redis.call('ZCARD', prefix .. 'workflows_ended') - tonumber(ARGV[4])
local old = excess > 0 and redis.call('ZRANGE', prefix .. 'workflows_ended', 0, math.min(excess, TRIM) - 1)
  or redis.call('ZRANGE', prefix .. 'workflows_ended', '-inf', now - tonumber(ARGV[5]), 'BYSCORE', 'LIMIT', 0, TRIM)
for _, id in ipairs(old) do forget_flow(id) end

redis.call('HSET', flow_key(wf), 'state', 'running', 'name', given.name, 'created', now, 'size', given.size, 'total',
  given.total, 'exit', given.exit, 'on_error', given.on_error, 'source', given.source or '', 'parent',
  given.parent or '', 'shape', given.shape or '', 'done', 0, 'failed', 0, 'aborted', 0, 'skipped', 0, 'live', 0)
for join, members in pairs(given.joins) do redis.call('HSET', flow_key(wf), 'left:' .. join, members) end
redis.call('SET', prefix .. 'marks:' .. wf, string.rep('.', given.size))
redis.call('PERSIST', prefix .. 'nodes:' .. wf)
redis.call('PERSIST', prefix .. 'calls:' .. wf)
redis.call('ZADD', prefix .. 'workflows', now, wf)
redis.call('ZADD', prefix .. 'workflows:running', now, wf)
if (given.once or '') ~= '' then
  redis.call('HSET', prefix .. 'once:' .. given.once, 'fingerprint', given.fingerprint, 'id', wf)
  redis.call('EXPIRE', prefix .. 'once:' .. given.once, 86400)
end
belong(given.parent, 'w', wf)
moved[wf] = true
for _, root in ipairs(given.roots) do launch(wf, root) end
settle_workflows()
write_counts()
announce()
return { 1, wf }
