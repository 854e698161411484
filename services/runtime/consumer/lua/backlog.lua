-- SPDX-License-Identifier: Apache-2.0
-- How far a service is behind the log; see consumer/consumer_backlog.h.

-- How many entries of a stream come after the group's position; -1 if unknown. Without a stream there is nothing,
-- without a group nothing has been applied yet or the group was lost.
local function stream_lag(stream, group, applied)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return 0 end
  for _, info in ipairs(groups) do
    if info_field(info, 'name') == group then return tonumber(info_field(info, 'lag') or -1) end
  end
  return applied and -1 or redis.call('XLEN', stream)
end

-- KEYS: the stored positions, the clock, the set of keys that are held, the set of keys with a list of dead letters,
-- then streams. ARGV: group, the streams' names. Answers {position or '', clock or '', lag, keys that are held, lists}.
local function backlog_read(keys, argv)
  local lag = 0
  for k = 5, #keys do
    local one = stream_lag(keys[k], argv[1], redis.call('HGET', keys[1], argv[k - 3]))
    lag = (one < 0 or lag < 0) and -1 or lag + one
  end
  return {redis.call('HGET', keys[1], 'log') or '', redis.call('GET', keys[2]) or '', lag,
          redis.call('SCARD', keys[3]), redis.call('SCARD', keys[4])}
end

redis.register_function{function_name = '@LIBRARY@_backlog_read', callback = backlog_read, flags = {'no-writes'}}
