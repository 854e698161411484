-- SPDX-License-Identifier: Apache-2.0
-- Leases and consumer groups; see consumer/leader.h and consumer/consumer_group.h.

-- Takes or renews the lease. KEYS: lease, its epoch. ARGV: holder, client id of the holder's blocking connection, life
-- in ms. Answers {epoch (0 if somebody else holds it), client id of the holder}. A new epoch is the time in ms, pushed
-- up to stay increasing, so no epoch ever comes again, not even when the key is lost or restored from a backup.
local function lease_acquire(keys, argv)
  local value = redis.call('GET', keys[1])
  local holder, client = string.match(value or '', '^(%S+) (%d+)$')
  if value and holder ~= argv[1] then return {'0', client or '0'} end
  local epoch = redis.call('GET', keys[2])
  if not value or not epoch then
    epoch = number_text(math.max(math.floor(time_now() / 1000), (tonumber(epoch) or 0) + 1))
    redis.call('SET', keys[2], epoch)
  end
  redis.call('SET', keys[1], argv[1] .. ' ' .. argv[2], 'PX', argv[3])
  return {epoch, argv[2]}
end

-- Gives the lease back if it is the holder's. KEYS: lease. ARGV: holder.
local function lease_release(keys, argv)
  local value = redis.call('GET', keys[1])
  if not value or string.match(value, '^%S+') ~= argv[1] then return 0 end
  return redis.call('DEL', keys[1])
end

local function info_field(list, name)
  for i = 1, #list, 2 do
    if list[i] == name then return list[i + 1] end
  end
end

local function group_find(stream, group)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return nil end
  for _, info in ipairs(groups) do
    if info_field(info, 'name') == group then return info end
  end
end

-- How many entries of the stream lie up to `id`, which Redis needs to tell the lag; -1 if unknown.
local function entries_read(stream, info, id, from, count)
  if id == '0-0' then return 0 end
  local known = info and info_field(info, 'entries-read')
  if known and info_field(info, 'last-delivered-id') == from then return known + count end
  local whole = redis.pcall('XINFO', 'STREAM', stream)
  if whole.err then return -1 end
  if info_field(whole, 'last-generated-id') == id then return info_field(whole, 'entries-added') end
  local first = info_field(whole, 'first-entry')
  if first and entry_log_time(first[1]) > entry_log_time(id) then
    return info_field(whole, 'entries-added') - info_field(whole, 'length')
  end
  return -1
end

-- Lets consumer groups show what has been applied; makes those that are missing. KEYS: the lease's epoch, then streams.
-- ARGV: epoch, group, then for each stream the last entry applied, the last one before these, and how many these are.
-- Answers 1, or 0 when the epoch is another.
local function groups_move(keys, argv)
  if redis.call('GET', keys[1]) ~= argv[1] then return 0 end
  local group = argv[2]
  for k = 2, #keys do
    local at = (k - 2) * 3 + 3
    local id, from, count = argv[at], argv[at + 1], tonumber(argv[at + 2])
    local info = group_find(keys[k], group)
    local read = entries_read(keys[k], info, id, from, count)
    if not info then
      redis.call('XGROUP', 'CREATE', keys[k], group, id, 'MKSTREAM', 'ENTRIESREAD', read)
    elseif info_field(info, 'last-delivered-id') ~= id or (read >= 0 and info_field(info, 'entries-read') ~= read) then
      redis.call('XGROUP', 'SETID', keys[k], group, id, 'ENTRIESREAD', read)
    end
  end
  return 1
end

redis.register_function{function_name = '@LIBRARY@_lease_acquire', callback = lease_acquire, flags = {'allow-oom'}}
redis.register_function{function_name = '@LIBRARY@_lease_release', callback = lease_release, flags = {'allow-oom'}}
redis.register_function{function_name = '@LIBRARY@_groups_move', callback = groups_move, flags = {'allow-oom'}}
