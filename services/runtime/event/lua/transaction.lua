-- Transaction: checks guards, then makes all changes; see event/transaction.h, which builds the arguments.
--
-- KEYS: the clock; the request record's key if there is one; then each guard's and each change's key in their order.
-- ARGV: number of guards, number of changes, number of events, `after`, request record's life in ms (0: none), its value
-- and whether ('1') the first log time goes behind it, then for each guard and change its name and arguments, a list
-- being its length and then its elements.
-- Answers {'done', first log time, last log time, epoch}, {'replayed', record}, {'refused', guard, actual} or {'no clock'}.

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
}

local first, next_log_time

local function list_end(argv, i)
  return i + tonumber(argv[i])
end

-- A command whose arguments after the key are a list.
local function with_list(command)
  return function(key, argv, i)
    local last = list_end(argv, i)
    redis.call(command, key, unpack(argv, i + 1, last))
    return last + 1
  end
end

-- A command with one argument after the key.
local function with_value(command)
  return function(key, argv, i)
    redis.call(command, key, argv[i])
    return i + 1
  end
end

local changes = {
  set = with_value('SET'),
  hset = with_list('HSET'),
  hdel = with_value('HDEL'),
  sadd = with_value('SADD'),
  srem = with_value('SREM'),
  zrem = with_value('ZREM'),
  rpush = with_list('RPUSH'),
  del = function(key, argv, i)
    redis.call('DEL', key)
    return i
  end,
  ltrim = function(key, argv, i)
    redis.call('LTRIM', key, argv[i], -1)
    return i + 1
  end,
  zadd = function(key, argv, i)
    local score = argv[i]
    if score == '0' then score = number_text(next_log_time) end
    redis.call('ZADD', key, score, argv[i + 1])
    return i + 2
  end,
  xadd = function(key, argv, i)
    local last = list_end(argv, i)
    redis.call('XADD', key, log_time_id(next_log_time), unpack(argv, i + 1, last))
    next_log_time = next_log_time + 1
    return last + 1
  end,
}

-- The request record decides first: a repeated request is answered, whatever has become of its subject since.
local function request_replay(key, life)
  if life == 0 then return nil end
  return redis.call('GET', key)
end

local function transaction(keys, argv)
  local guard_count, change_count, event_count = tonumber(argv[1]), tonumber(argv[2]), tonumber(argv[3])
  local life = tonumber(argv[5])
  local k, i = life == 0 and 2 or 3, 8
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

  if life > 0 then
    local record = argv[6]
    if event_count > 0 and argv[7] == '1' then record = record .. number_text(first) end
    local present = redis.call('SET', keys[2], record, 'NX', 'GET', 'PX', life)
    if present then return {'replayed', present} end
  end
  for _ = 1, change_count do
    i = changes[argv[i]](keys[k], argv, i + 1)
    k = k + 1
  end
  if event_count == 0 then return {'done', '0', '0', ''} end
  clock_write(keys[1], next_log_time - 1, epoch)
  return {'done', number_text(first), number_text(next_log_time - 1), epoch}
end

redis.register_function('@LIBRARY@_transaction', transaction)
