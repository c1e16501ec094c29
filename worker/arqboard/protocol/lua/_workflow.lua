-- Workflows: a graph of nodes. A node is a job, or a join: the list of its members' results.
--
-- nodes:<wf>    hash, number → record (JSON). A job's record is its description as `enqueue` takes it. Each may have
--               next (nodes that start when this one has succeeded), groups (joins whose members all start after it)
--               and join (the join it is a member of). A join has members (their last nodes, in order) instead.
-- calls:<wf>    hash, number → payload of a job that has not started
-- results:<wf>  hash, number → what the next step gets of a job that has succeeded
-- marks:<wf>    one byte per node: . waits, q started (its job exists), d done, f failed, a aborted, s skipped; F and A
--               when the workflow went on without it
-- ready:<wf>    list of nodes whose turn has come and that are not enqueued yet: a wide group is enqueued bit by bit
-- held:<wf>     zset of jobs that were enqueued and that a claim has met while the workflow was paused
-- workflow:<wf> hash: state, counts, `live` (jobs that have started and not ended), left:<join> (members to come),
--               paused (since when nothing of it starts), shape (see shape.py)
--
-- Every end of a member comes here, inside the call that writes it, so a callback starts exactly once.

local LAUNCH = 100 -- jobs enqueued in one call beside its own work
local KEEP_RESULTS = 86400000
local launched = 0
local flows, moved, stale = {}, {}, {}
local node_failed

local function flow_key(wf) return prefix .. 'workflow:' .. wf end

-- One that can't be read is none: its jobs end as jobs of their own.
local function flow(wf)
  if not flows[wf] then
    local values = redis.pcall('HMGET', flow_key(wf), 'state', 'exit', 'on_error', 'name', 'created', 'paused')
    flows[wf] = { state = values[1], exit = tonumber(values[2]), on_error = values[3], name = values[4] or '',
      created = values[5], paused = values[6] }
  end
  return flows[wf]
end

local function node_of(wf, n)
  local raw = redis.pcall('HGET', prefix .. 'nodes:' .. wf, n)
  return type(raw) == 'string' and decoded(raw) or {}
end

local function mark_of(wf, n)
  local mark = redis.pcall('GETRANGE', prefix .. 'marks:' .. wf, n, n)
  return type(mark) == 'string' and mark or ''
end

local function set_mark(wf, n, letter) redis.call('SETRANGE', prefix .. 'marks:' .. wf, n, letter) end

local function bump(wf, field, by)
  moved[wf] = true
  return redis.call('HINCRBY', flow_key(wf), field, by)
end

local function set_flow_state(wf, state)
  local f = flow(wf)
  redis.call('ZREM', prefix .. 'workflows:' .. f.state, wf)
  redis.call('ZADD', prefix .. 'workflows:' .. state, f.created, wf)
  redis.call('HSET', flow_key(wf), 'state', state)
  f.state, moved[wf] = state, true
end

-- Whether there are jobs that `launch` has to bring on their way.
local function has_waiting(wf) return redis.call('EXISTS', prefix .. 'ready:' .. wf, prefix .. 'held:' .. wf) > 0 end

local function be_launched(wf)
  if redis.call('SADD', prefix .. 'launching', wf) == 1 then
    redis.call('PUBLISH', prefix .. 'control', 'workflows')
  end
end

local function end_flow(wf, state, error_type, why, at)
  set_flow_state(wf, state)
  redis.call('HDEL', flow_key(wf), 'paused')
  flow(wf).paused = false
  redis.call('HSET', flow_key(wf), 'ended', now, 'error_type', error_type or '', 'error', why or '',
    'error_at', at or '')
  redis.call('PEXPIRE', prefix .. 'results:' .. wf, KEEP_RESULTS)
  redis.call('ZADD', prefix .. 'workflows_ended', now, wf)
  if state ~= 'succeeded' then
    redis.call('HSET', flow_key(wf), 'swept', 0)
    redis.call('SADD', prefix .. 'stopping', wf)
    redis.call('PUBLISH', prefix .. 'control', 'workflows')
  end
end

local function be_ready(wf, n)
  redis.call('RPUSH', prefix .. 'ready:' .. wf, n)
  if not flow(wf).paused then be_launched(wf) end
end

-- Its last node has its result. Of a group that is all, even if some of it failed or was aborted.
local function end_well(wf, exit)
  if not exit.members then return end_flow(wf, 'succeeded') end
  local bad = redis.call('HMGET', flow_key(wf), 'failed', 'aborted')
  local failed, aborted = tonumber(bad[1] or 0), tonumber(bad[2] or 0)
  if failed > 0 then end_flow(wf, 'failed', 'MembersFailed', failed .. ' of its jobs failed')
  elseif aborted > 0 then
    end_flow(wf, 'failed', 'MembersFailed', aborted .. ' of its jobs ' .. (aborted == 1 and 'was' or 'were') .. ' aborted')
  else end_flow(wf, 'succeeded') end
end

local node_succeeded

local function start_job(wf, n, node)
  launched = launched + 1
  node.id, node.workflow, node.node = wf .. '.' .. n, wf, tostring(n)
  node.next, node.groups, node.join = nil, nil, nil
  set_mark(wf, n, 'q')
  bump(wf, 'live', 1)
  enqueue(node, redis.call('HGET', prefix .. 'calls:' .. wf, n) or '')
  redis.call('HDEL', prefix .. 'calls:' .. wf, n)
  if node.run_at <= now then flow(wf).wakes = node.queue end
end

-- A node's turn has come.
local function launch(wf, n)
  if mark_of(wf, n) ~= '.' then return end
  if flow(wf).state ~= 'running' or flow(wf).paused or launched >= LAUNCH then return be_ready(wf, n) end
  local node = node_of(wf, n)
  if node.members then -- an empty group
    set_mark(wf, n, 'd')
    node_succeeded(wf, n, node)
  else
    start_job(wf, n, node)
  end
end

-- One member of a join has ended.
local function member_ended(wf, join)
  if mark_of(wf, join) ~= '.' then return end
  if bump(wf, 'left:' .. join, -1) > 0 then return end
  set_mark(wf, join, 'd')
  node_succeeded(wf, join, node_of(wf, join))
end

function node_succeeded(wf, n, node)
  for _, follower in ipairs(node.next or {}) do launch(wf, follower) end
  if node.join then member_ended(wf, node.join) end
  if flow(wf).exit == n and flow(wf).state == 'running' then end_well(wf, node) end
end

local function skip(wf, n)
  if mark_of(wf, n) ~= '.' then return false end
  set_mark(wf, n, 's')
  return true
end

-- What comes after a failed node does not run; the join that it is a member of goes on without it.
local function pass_over(wf, n, node)
  for _, join in ipairs(node.groups or {}) do
    if skip(wf, join) then pass_over(wf, join, node_of(wf, join)) end
  end
  for _, follower in ipairs(node.next or {}) do
    if skip(wf, follower) then
      bump(wf, 'skipped', 1)
      pass_over(wf, follower, node_of(wf, follower))
    end
  end
  if node.join then member_ended(wf, node.join) end
  local f = flow(wf)
  if f.exit == n and f.state == 'running' then end_flow(wf, 'failed', 'MembersFailed', 'its last step did not run') end
end

-- Whether a join waits (again) for its members. One that is complete can, unless something has started after it.
local function wait_again(wf, join)
  stale[wf] = stale[wf] or {}
  stale[wf][join] = true
  local mark, node = mark_of(wf, join), nil
  if mark ~= 'd' then return mark == '.' end
  node = node_of(wf, join)
  if node.next then return false end
  if flow(wf).exit ~= join and not (node.join and wait_again(wf, node.join)) then return false end
  set_mark(wf, join, '.')
  return true
end

-- What was passed over because of a node waits for it again. Groups first, as there: an empty one also follows, and is
-- no job.
local function take_back(wf, n, node)
  for _, join in ipairs(node.groups or {}) do
    if mark_of(wf, join) == 's' then
      set_mark(wf, join, '.')
      take_back(wf, join, node_of(wf, join))
    end
  end
  for _, follower in ipairs(node.next or {}) do
    if mark_of(wf, follower) == 's' then
      set_mark(wf, follower, '.')
      bump(wf, 'skipped', -1)
      take_back(wf, follower, node_of(wf, follower))
    end
  end
  if node.join then wait_again(wf, node.join) end
end

-- Members that joins wait for, counted anew after something was taken back.
local function count_members(wf)
  for join in pairs(stale[wf] or {}) do
    local left = 0
    for _, member in ipairs(node_of(wf, join).members) do
      if string.find('.qfa', mark_of(wf, member), 1, true) then left = left + 1 end
    end
    redis.call('HSET', flow_key(wf), 'left:' .. join, left)
  end
  stale[wf] = nil
end

function node_failed(wf, n, outcome, error_type, why)
  local letter, f = outcome == 'failed' and 'f' or 'a', flow(wf)
  local goes_on = f.state == 'running' and f.on_error == 'continue'
  set_mark(wf, n, goes_on and string.upper(letter) or letter)
  bump(wf, outcome, 1)
  if goes_on then pass_over(wf, n, node_of(wf, n))
  elseif f.state == 'running' then end_flow(wf, 'failed', error_type, why, n) end
end

-- The job of a node has ended: succeeded, failed or aborted. `passed_on` is what the next step gets of it.
local function node_ended(wf, n, outcome, passed_on, error_type, why)
  if not n or not flow(wf).state then return end -- its workflow was deleted
  if mark_of(wf, n) ~= 'q' then return end
  bump(wf, 'live', -1)
  if outcome == 'succeeded' then
    if passed_on ~= '' then redis.call('HSET', prefix .. 'results:' .. wf, n, passed_on) end
    set_mark(wf, n, 'd')
    bump(wf, 'done', 1)
    node_succeeded(wf, n, node_of(wf, n))
  else
    node_failed(wf, n, outcome, error_type, why)
  end
end

local function reopen_flow(wf)
  set_flow_state(wf, 'running')
  redis.call('HDEL', flow_key(wf), 'ended', 'error_type', 'error', 'error_at', 'swept')
  redis.call('PERSIST', prefix .. 'results:' .. wf)
  redis.call('SREM', prefix .. 'stopping', wf)
  redis.call('ZREM', prefix .. 'workflows_ended', wf)
  if has_waiting(wf) then be_launched(wf) end
end

-- The job of a node that failed or was aborted runs again; its workflow goes on, if it had not come to its end.
local function node_reopened(wf, n)
  local f, mark = flow(wf), mark_of(wf, n)
  if not f.state or mark == '' or not string.find('fFaA', mark, 1, true) then return end
  set_mark(wf, n, 'q')
  bump(wf, string.lower(mark) == 'f' and 'failed' or 'aborted', -1)
  bump(wf, 'live', 1)
  if f.state == 'failed' or f.state == 'aborted' then reopen_flow(wf) end
  if f.state == 'running' and (mark == 'F' or mark == 'A') then take_back(wf, n, node_of(wf, n)) end
end

-- A workflow in which nothing runs, waits to start or can follow is over, whatever led to that (a job that was retried
-- after its group's callback had run, say).
local function end_if_stuck(wf)
  if flow(wf).state ~= 'running' then return end
  if tonumber(redis.call('HGET', flow_key(wf), 'live') or 0) > 0 then return end
  if redis.call('EXISTS', prefix .. 'ready:' .. wf) == 1 then return end
  local exit = flow(wf).exit
  if mark_of(wf, exit) == 'd' then return end_well(wf, node_of(wf, exit)) end
  end_flow(wf, 'failed', 'MembersFailed', 'some of its jobs did not succeed, and nothing is left to run')
end

-- Mark the workflows that this call moved as changed; comes before `announce`.
local function settle_workflows()
  for wf in pairs(moved) do
    count_members(wf)
    end_if_stuck(wf)
    redis.call('HSET', flow_key(wf), 'version', next_position('workflow:' .. wf))
    if flows[wf].wakes then wake(flows[wf].wakes) end
  end
  moved = {}
end

-- Everything about a workflow, gone; its jobs stay in the history.
local function forget_flow(wf)
  local state = redis.call('HGET', flow_key(wf), 'state')
  if state then redis.call('ZREM', prefix .. 'workflows:' .. state, wf) end
  redis.call('ZREM', prefix .. 'workflows', wf)
  redis.call('ZREM', prefix .. 'workflows_ended', wf)
  redis.call('SREM', prefix .. 'launching', wf)
  redis.call('SREM', prefix .. 'stopping', wf)
  redis.call('DEL', flow_key(wf), prefix .. 'nodes:' .. wf, prefix .. 'calls:' .. wf, prefix .. 'results:' .. wf,
    prefix .. 'marks:' .. wf, prefix .. 'ready:' .. wf, prefix .. 'held:' .. wf)
end
