-- SPDX-License-Identifier: Apache-2.0
-- Transactions: each checks its guards and then makes all its changes; see store/transaction.h. Those of concurrent
-- calls come together (store/commit.h), one after another, each with its own outcome.
--
-- KEYS: the clock; then for each transaction its request record's key if it has one, and its guards' and changes' keys.
-- ARGV: how many transactions, and how many events they have in all; then for each its program and the values that the
-- program takes: `after`; a request record's life in ms and its content; then those of guards and changes.
-- Answers {epoch or '', then for each transaction its outcome}, or {'no clock'}: nothing was done. An outcome is the
-- log time of the transaction's first event, 0 if it has none, when it is done; otherwise {'replayed', record},
-- {'refused', guard, actual}, {'kind', change, kind of value that its key holds} or {'failed', error}.
--
-- A program is bytes, since a byte is read faster than a value; numbers have three of them. It begins with the flags,
-- how many guards, how many changes and how many values there are; for each guard and change follow its code and the
-- number of its values. store/transaction.c writes it.

local HAS_REQUEST, IS_TIMED, CHECKS_KINDS, HAS_AFTER = 1, 2, 4, 8 -- flags

-- Guards and changes by their code, as enum guard and enum change of store/transaction.c number them.
local BEFORE = 6
local XADD, ZADD_LOG_TIME, GROUP = 11, 12, 13
local commands = {'SET', 'HSET', 'HDEL', 'SADD', 'SREM', 'ZADD', 'ZREM', 'RPUSH', 'LTRIM', 'DEL'}
-- What the key must hold, if it exists; false means anything. Nobody but these functions writes below events:
local kinds = {false, 'hash', 'hash', 'set', 'set', 'zset', 'zset', 'list', 'list', false, false, 'zset', false}

-- The arguments, and which of them come next: a key, a value, a byte of the program.
local keys, argv, program
local k, i, at

-- Log times: the present, the last entry's, and what the next event gets.
local now, last, next_log_time

-- Globals, which a library may not use while it is loaded.
local call, byte, unpack_list

local function number_at(position)
  local high, middle, low = byte(program, position, position + 2)
  return (high * 256 + middle) * 256 + low
end

-- Returns the code of the next guard or change, and how many values it has.
local function next_step()
  local code, high, middle, low = byte(program, at, at + 3)
  at = at + 4
  return code, (high * 256 + middle) * 256 + low
end

-- Each returns whether it holds, and what there is. Its values are argv[i] and the following.
local guards = {
  function(key) return call('EXISTS', key) == 0 end,
  function(key)
    local actual = call('GET', key)
    return actual == argv[i], actual
  end,
  function(key)
    local actual = call('HGET', key, argv[i])
    return actual == argv[i + 1], actual
  end,
  function(key)
    local actual = call('HGET', key, argv[i])
    return not actual, actual
  end,
  -- Of a set: how many of the following must be members; the others must not be.
  function(key, count)
    local members = tonumber(argv[i])
    for n = 1, count - 1 do
      local is_member = call('SISMEMBER', key, argv[i + n]) == 1
      if is_member ~= (n <= members) then return false, argv[i + n] end
    end
    return true
  end,
  -- A refusal moves the clock: what is too late must stay so, even if the server's clock steps back.
  function()
    local holds = next_log_time < tonumber(argv[i])
    if not holds then last = next_log_time end
    return holds, number_text(next_log_time)
  end,
  function(key)
    local actual = call('HGET', key, argv[i])
    local log_time = actual and entry_log_time(actual)
    return not actual or log_time and log_time < tonumber(argv[i + 1]), actual
  end,
  -- Of a list: what it must begin with.
  function(key, count)
    local beginning = call('LRANGE', key, 0, count - 1)
    for n = 1, count do
      if beginning[n] ~= argv[i + n - 1] then return false end
    end
    return true
  end,
}

-- Returns the first of the changes whose key holds something other than it can change, and what that is: an error in
-- the middle would leave the changes before it. For a user who may not ask for types (by rules older than this),
-- nothing is checked.
local function find_wrong_kind(count)
  local found = {}
  for number = 1, count do
    local kind, key = kinds[byte(program, at + 4 * (number - 1))], keys[k + number - 1]
    if kind and not found[key] then found[key] = redis.pcall('TYPE', key).ok or 'none' end
    if kind and found[key] ~= 'none' and found[key] ~= kind then return number, found[key] end
  end
end

local function change_all(count)
  for _ = 1, count do
    local code, values = next_step()
    local key = keys[k]
    if code == XADD then
      call('XADD', key, log_time_id(next_log_time), unpack_list(argv, i, i + values - 1))
      last, next_log_time = next_log_time, next_log_time + 1
    elseif code == ZADD_LOG_TIME then
      call('ZADD', key, next_log_time, argv[i])
    elseif code == GROUP then
      group_move(key, unpack_list(argv, i, i + values - 1))
    elseif values == 1 then
      call(commands[code], key, argv[i])
    else
      call(commands[code], key, unpack_list(argv, i, i + values - 1))
    end
    k, i = k + 1, i + values
  end
end

-- The request record decides first: a repeated request is answered, whatever has become of its subject since.
local function refuse(record_key, guard, actual)
  local record = record_key and call('GET', record_key)
  if record then return {'replayed', record} end
  return {'refused', guard, actual}
end

-- Runs the transaction at k, i and program. Returns its outcome.
local function run(flags, guard_count, change_count)
  local record_key, life, record
  if now then next_log_time = math.max(now, last + 1) end
  if flags >= HAS_AFTER then
    next_log_time = now and math.max(next_log_time, argv[i] + 1)
    i = i + 1
  end
  if flags % 2 >= HAS_REQUEST then
    record_key, life, record = keys[k], argv[i], argv[i + 1]
    k, i = k + 1, i + 2
  end
  for guard = 1, guard_count do
    local code, values = next_step()
    local holds, actual = guards[code](keys[k], values)
    if not holds then return refuse(record_key, guard, actual) end
    k, i = k + 1, i + values
  end
  if flags % 8 >= CHECKS_KINDS then
    local wrong, kind = find_wrong_kind(change_count)
    if wrong then return {'kind', wrong, kind} end
  end
  local first = next_log_time
  if record_key then
    if flags % 4 >= IS_TIMED then record = record .. number_text(first) end
    local present = call('SET', record_key, record, 'NX', 'GET', 'PX', life)
    if present then return {'replayed', present} end
  end
  change_all(change_count)
  return next_log_time ~= first and first or 0
end

local function failed(error)
  return {'failed', type(error) == 'table' and error.err or tostring(error)}
end

-- Runs all. One that fails leaves what it has changed until then, and the others to go on.
local function run_all(answers)
  local next_k, next_i = 2, 3
  for n = 1, tonumber(argv[1]) do
    program, k, i, at = argv[next_i], next_k, next_i + 1, 11
    local flags, guard_count, change_count = byte(program), number_at(2), number_at(5)
    next_k, next_i = k + flags % 2 + guard_count + change_count, i + number_at(8)
    local ended, outcome = pcall(run, flags, guard_count, change_count)
    answers[n + 1] = ended and outcome or failed(outcome)
  end
end

-- An error that this raises says that nothing was run.
local function transactions(the_keys, the_argv)
  keys, argv, call, byte, unpack_list = the_keys, the_argv, redis.call, string.byte, unpack
  local before, epoch
  now, last, next_log_time = nil, nil, nil
  if argv[2] ~= '0' then
    before, epoch = clock_read(keys[1])
    if not before then return {'no clock'} end
    now, last = time_now(), before
  end
  local answers = {epoch or ''}
  run_all(answers)
  if last == before then return answers end
  local written, error = pcall(clock_write, keys[1], last, epoch)
  for n = 2, written and 0 or #answers do
    if type(answers[n]) == 'number' and answers[n] > 0 then answers[n] = failed(error) end
  end
  return answers
end

redis.register_function('@LIBRARY@_transactions', transactions)
redis.register_function{function_name = '@LIBRARY@_transactions_freeing', callback = transactions, flags = {'allow-oom'}}
