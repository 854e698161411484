-- SPDX-License-Identifier: Apache-2.0
-- Transaction: checks guards, then makes all changes; see store/transaction.h, which builds the arguments.
--
-- KEYS: the clock; the request record's key if there is one; then each guard's and each change's key in their order.
-- ARGV: number of guards, number of changes, number of events, `after`, request record's life in ms (0 if none), its
-- value and whether ('1') the first log time is appended to it, whether ('1') kinds are checked, then for each guard
-- and change its name and arguments, a list being its length and then its elements.
-- Answers {'done', first log time, last log time, epoch}, {'replayed', record}, {'refused', guard, actual}, {'kind',
-- change, kind of value that its key holds} or {'no clock'}.

local function list_end(argv, i)
  return i + tonumber(argv[i])
end

local guards = {
  absent = function(key, argv, i)
    return redis.call('EXISTS', key) == 0, nil, i
  end,
  value = function(key, argv, i)
    local actual = redis.call('GET', key)
    return actual == argv[i], actual, i + 1
  end,
  field = function(key, argv, i)
    local actual = redis.call('HGET', key, argv[i])
    return actual == argv[i + 1], actual, i + 2
  end,
  no_field = function(key, argv, i)
    local actual = redis.call('HGET', key, argv[i])
    return not actual, actual, i + 1
  end,
  -- Of a set: a number, then a list of which this many from the beginning must be members and the others must not be.
  members = function(key, argv, i)
    local last = list_end(argv, i + 1)
    for at = i + 2, last do
      local is_member = redis.call('SISMEMBER', key, argv[at]) == 1
      if is_member ~= (at - i - 2 < tonumber(argv[i])) then return false, argv[at], last + 1 end
    end
    return true, nil, last + 1
  end,
}

local first, next_log_time

-- A change: what its key must hold if it exists (nil means anything), where its arguments end, and what it does.
local function with_list(command, kind)
  return {kind = kind, after = function(argv, i) return list_end(argv, i) + 1 end, run = function(key, argv, i)
    redis.call(command, key, unpack(argv, i + 1, list_end(argv, i)))
  end}
end

local function with_values(count, kind, run)
  return {kind = kind, after = function(_, i) return i + count end, run = run}
end

-- A command with one argument after the key.
local function with_value(command, kind)
  return with_values(1, kind, function(key, argv, i) redis.call(command, key, argv[i]) end)
end

local changes = {
  hset = with_list('HSET', 'hash'),
  hdel = with_value('HDEL', 'hash'),
  sadd = with_value('SADD', 'set'),
  srem = with_value('SREM', 'set'),
  zrem = with_value('ZREM', 'zset'),
  rpush = with_list('RPUSH', 'list'),
  del = with_values(0, nil, function(key) redis.call('DEL', key) end),
  ltrim = with_values(1, 'list', function(key, argv, i) redis.call('LTRIM', key, argv[i], -1) end),
  zadd = with_values(2, 'zset', function(key, argv, i)
    redis.call('ZADD', key, argv[i] == '0' and number_text(next_log_time) or argv[i], argv[i + 1])
  end),
  xadd = with_list('XADD', nil), -- nobody but these functions writes below events:
}
changes.xadd.run = function(key, argv, i)
  redis.call('XADD', key, log_time_id(next_log_time), unpack(argv, i + 1, list_end(argv, i)))
  next_log_time = next_log_time + 1
end

-- Returns the first change whose key holds something other than it can change, and what that is: an error in the middle
-- would leave the changes before it. For a user who may not ask for types (by rules older than this), nothing is
-- checked.
local function find_wrong_kind(keys, k, argv, i, count)
  local kinds = {}
  for number = 1, count do
    local change, key = changes[argv[i]], keys[k + number - 1]
    if change.kind and not kinds[key] then
      local answer = redis.pcall('TYPE', key)
      kinds[key] = answer.ok or 'none'
    end
    if change.kind and kinds[key] ~= 'none' and kinds[key] ~= change.kind then return number, kinds[key] end
    i = change.after(argv, i + 1)
  end
end

-- The request record decides first: a repeated request is answered, whatever has become of its subject since.
local function request_replay(key, life)
  if life == 0 then return nil end
  return redis.call('GET', key)
end

local function transaction(keys, argv)
  local guard_count, change_count, event_count = tonumber(argv[1]), tonumber(argv[2]), tonumber(argv[3])
  local life = tonumber(argv[5])
  local k, i = life == 0 and 2 or 3, 9
  first = nil

  local last, epoch
  if event_count > 0 then
    last, epoch = clock_read(keys[1])
    if not last then return {'no clock'} end
    first = clock_next(last, tonumber(argv[4]))
    next_log_time = first
  end

  for guard = 1, guard_count do
    local holds, actual
    local guards_time = argv[i] == 'before'
    if guards_time then
      holds, actual = first < tonumber(argv[i + 1]), first and number_text(first)
      i = i + 2
    else
      holds, actual, i = guards[argv[i]](keys[k], argv, i + 1)
      k = k + 1
    end
    if not holds then
      local record = request_replay(keys[2], life)
      if record then return {'replayed', record} end
      -- What is refused as too late must stay so, even if the server's clock steps back.
      if guards_time then clock_write(keys[1], first, epoch) end
      return {'refused', guard, actual}
    end
  end

  if argv[8] == '1' then
    local wrong, kind = find_wrong_kind(keys, k, argv, i, change_count)
    if wrong then return {'kind', wrong, kind} end
  end

  if life > 0 then
    local record = argv[6]
    if event_count > 0 and argv[7] == '1' then record = record .. number_text(first) end
    local present = redis.call('SET', keys[2], record, 'NX', 'GET', 'PX', life)
    if present then return {'replayed', present} end
  end
  for _ = 1, change_count do
    local change = changes[argv[i]]
    change.run(keys[k], argv, i + 1)
    i = change.after(argv, i + 1)
    k = k + 1
  end
  if event_count == 0 then return {'done', '0', '0', ''} end
  clock_write(keys[1], next_log_time - 1, epoch)
  return {'done', number_text(first), number_text(next_log_time - 1), epoch}
end

redis.register_function('@LIBRARY@_transaction', transaction)
