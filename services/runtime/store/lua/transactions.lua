-- SPDX-License-Identifier: Apache-2.0
-- Transactions: each checks its guards and then makes all its changes; see store/transaction.h. Those of concurrent
-- calls come together (store/commit.h), one after another, each with its own outcome.
--
-- KEYS: the clock, and all other keys, each once. ARGV: how many events, and clocks to be moved, there are in all; then for
-- each transaction its program, as MessagePack (store/program.h).
-- Answers {epoch or '', then for each transaction its outcome}, or {'no clock'}: nothing was done. An outcome is the
-- log time of the transaction's first event, 0 if it has none, when it is done; otherwise {'replayed', record},
-- {'refused', guard, actual}, {'kind', change, kind of value that its key holds} or {'failed', error}.
--
-- A program is a row of numbers and texts: how many it has; flags; how many guards; how many changes; `after`; a request
-- record's key, its life in ms and its content; for each guard and change its code, its key, how many values, and these.
-- A key is told by its place in KEYS. store/transaction.c writes it; a long one takes several arguments.

local HAS_REQUEST, IS_TIMED, CHECKS_KINDS, HAS_AFTER, MOVES_CLOCK = 1, 2, 4, 8, 16 -- flags

-- Guards and changes by their code, as enum guard and enum change of store/transaction.c number them.
local XADD, ZADD_LOG_TIME, GROUP = 11, 12, 13
local commands = {'SET', 'HSET', 'HDEL', 'SADD', 'SREM', 'ZADD', 'ZREM', 'RPUSH', 'LTRIM', 'DEL'}
-- What the key must hold, if it exists; false means anything. Nobody but these functions writes below events:
local kinds = {false, 'hash', 'hash', 'set', 'set', 'zset', 'zset', 'list', 'list', false, false, 'zset', false}

local keys

-- Log times: the present, the last entry's, and what the next event gets.
local now, last, next_log_time

-- Globals, which a library may not use while it is loaded.
local call, unpack_row

-- Each returns whether it holds, and what there is. Its values are in the program, from `at` on.
local guards = {
  function(key) return call('EXISTS', key) == 0 end,
  function(key, program, at)
    local actual = call('GET', key)
    return actual == program[at], actual
  end,
  function(key, program, at)
    local actual = call('HGET', key, program[at])
    return actual == program[at + 1], actual
  end,
  function(key, program, at)
    local actual = call('HGET', key, program[at])
    return not actual, actual
  end,
  -- Of a set: how many of the following must be members; the others must not be.
  function(key, program, at, count)
    local members = tonumber(program[at])
    for n = 1, count - 1 do
      local member = program[at + n]
      local is_member = call('SISMEMBER', key, member) == 1
      if is_member ~= (n <= members) then return false, member end
    end
    return true
  end,
  -- A refusal moves the clock: what is too late must stay so, even if the server's clock steps back.
  function(_, program, at)
    local holds = next_log_time < tonumber(program[at])
    if not holds then last = next_log_time end
    return holds, number_text(next_log_time)
  end,
  function(key, program, at)
    local actual = call('HGET', key, program[at])
    local log_time = actual and entry_log_time(actual)
    return not actual or log_time and log_time < tonumber(program[at + 1]), actual
  end,
  -- Of a list: what it must begin with.
  function(key, program, at, count)
    local beginning = call('LRANGE', key, 0, count - 1)
    for n = 1, count do
      if beginning[n] ~= program[at + n - 1] then return false end
    end
    return true
  end,
  -- Fields with their values.
  function(key, program, at, count)
    local first
    for n = at, at + count - 1, 2 do
      local actual = call('HGET', key, program[n])
      if n == at then first = actual end
      if actual ~= program[n + 1] then return false, first end
    end
    return true
  end,
}

-- Returns the first of the changes whose key holds something other than it can change, and what that is: an error in
-- the middle would leave the changes before it. For a user who may not ask for types (by rules older than this),
-- nothing is checked.
local function find_wrong_kind(program, at, count)
  local found = {}
  for number = 1, count do
    local kind, key = kinds[program[at]], keys[program[at + 1]]
    if kind and not found[key] then found[key] = redis.pcall('TYPE', key).ok or 'none' end
    if kind and found[key] ~= 'none' and found[key] ~= kind then return number, found[key] end
    at = at + 3 + program[at + 2]
  end
end

local function change_all(program, at, count)
  for _ = 1, count do
    local code, key, size = program[at], keys[program[at + 1]], program[at + 2]
    at = at + 3
    if code == XADD then
      call('XADD', key, log_time_id(next_log_time), unpack_row(program, at, at + size - 1))
      last, next_log_time = next_log_time, next_log_time + 1
    elseif code == ZADD_LOG_TIME then
      call('ZADD', key, log_time_text(next_log_time), program[at])
    elseif code == GROUP then
      group_move(key, unpack_row(program, at, at + size - 1))
    elseif size == 1 then
      call(commands[code], key, program[at])
    else
      call(commands[code], key, unpack_row(program, at, at + size - 1))
    end
    at = at + size
  end
end

-- The request record decides first: a repeated request is answered, whatever has become of its subject since.
local function refuse(record_key, guard, actual)
  local record = record_key and call('GET', record_key)
  if record then return {'replayed', record} end
  return {'refused', guard, actual}
end

-- Runs a transaction. Returns its outcome.
local function run(program)
  local flags, guard_count, change_count, at = program[2], program[3], program[4], 5
  local record_key, life, record
  if now then next_log_time = math.max(now, last + 1) end
  local after
  if flags % 16 >= HAS_AFTER then
    after = tonumber(program[at])
    next_log_time = now and math.max(next_log_time, after + 1)
    at = at + 1
  end
  if flags % 2 >= HAS_REQUEST then
    record_key, life, record = keys[program[at]], program[at + 1], program[at + 2]
    at = at + 3
  end
  for guard = 1, guard_count do
    local size = program[at + 2]
    local holds, actual = guards[program[at]](keys[program[at + 1]], program, at + 3, size)
    if not holds then return refuse(record_key, guard, actual) end
    at = at + 3 + size
  end
  if flags % 8 >= CHECKS_KINDS then
    local wrong, kind = find_wrong_kind(program, at, change_count)
    if wrong then return {'kind', wrong, kind} end
  end
  local first = next_log_time
  if record_key then
    if flags % 4 >= IS_TIMED then record = record .. log_time_text(first) end
    local present = call('SET', record_key, record, 'NX', 'GET', 'PX', life)
    if present then return {'replayed', present} end
  end
  change_all(program, at, change_count)
  if flags >= MOVES_CLOCK then last = math.max(last, after) end
  return next_log_time ~= first and first or 0
end

local function failed(error)
  return {'failed', type(error) == 'table' and error.err or tostring(error)}
end

-- All are read before one is run. An argument that begins while the program before it lacks something goes on with it.
local function read_programs(argv)
  local programs, program, size = {}, nil, 0
  for n = 2, #argv do
    local row = {cmsgpack.unpack(argv[n])}
    if program and size < program[1] then
      for i = 1, #row do program[size + i] = row[i] end
      size = size + #row
    else
      program, size = row, #row
      programs[#programs + 1] = program
    end
  end
  return programs
end

-- Runs all. One that fails leaves what it has changed until then, and the others to go on.
local function run_all(programs, answers)
  for n = 1, #programs do
    local ended, outcome = pcall(run, programs[n])
    answers[n + 1] = ended and outcome or failed(outcome)
  end
end

-- An error that this raises says that nothing was run.
local function transactions(the_keys, argv)
  keys, call, unpack_row = the_keys, redis.call, unpack
  local programs = read_programs(argv)
  local before, epoch
  now, last, next_log_time = nil, nil, nil
  if argv[1] ~= '0' then
    before, epoch = clock_read(keys[1])
    if not before then return {'no clock'} end
    now, last = time_now(), before
  end
  local answers = {epoch or ''}
  run_all(programs, answers)
  if last == before then return answers end
  local written, error = pcall(clock_write, keys[1], last, epoch)
  for n = 2, written and 0 or #answers do
    if type(answers[n]) == 'number' and answers[n] > 0 then answers[n] = failed(error) end
  end
  return answers
end

redis.register_function('@LIBRARY@_transactions', transactions)
redis.register_function{function_name = '@LIBRARY@_transactions_freeing', callback = transactions, flags = {'allow-oom'}}
