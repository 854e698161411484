-- SPDX-License-Identifier: Apache-2.0
-- Which of the rights that every service needs is missing; see store/rights.h.

-- Commands, each with as many arguments as it takes: servers judge no others. KEY stands for the key.
local KEY = {}
local on_clock = {{'GET', KEY}, {'SET', KEY, 'x'}}
local on_own = {
  {'EXISTS', KEY}, {'GET', KEY}, {'SET', KEY, 'x'}, {'DEL', KEY},
  {'HGET', KEY, 'x'}, {'HSET', KEY, 'x', 'x'}, {'SADD', KEY, 'x'}, {'SREM', KEY, 'x'},
  {'ZADD', KEY, '1', 'x'}, {'ZREM', KEY, 'x'},
}

-- Returns nil if the caller may; otherwise the command, the key, and, if that is not known, why.
local function refusal(command, key)
  local words = {}
  for i, word in ipairs(command) do words[i] = word == KEY and key or word end
  local known, may = pcall(redis.acl_check_cmd, unpack(words))
  if not known then return {command[1], key or '', type(may) == 'table' and may.err or tostring(may)} end
  if not may then return {command[1], key} end
end

-- KEYS: the clock, any key of the service's own. Answers the first command and key that the caller may not use, and, if
-- the server could not tell, its error; {} if there is none.
local function rights_missing(keys)
  for i, commands in ipairs{on_clock, on_own} do
    for _, command in ipairs(commands) do
      local refused = refusal(command, keys[i])
      if refused then return refused end
    end
  end
  return {}
end

redis.register_function{function_name = '@LIBRARY@_rights_missing', callback = rights_missing, flags = {'no-writes'}}
