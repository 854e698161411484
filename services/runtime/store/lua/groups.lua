-- SPDX-License-Identifier: Apache-2.0
-- Consumer groups, which show what has been applied; see consumer/consumer_group.h.

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

-- Lets the group show that everything up to the entry `id` has been applied; makes the group if it is missing. `from` is
-- the last entry before these, and `count` how many these are.
local function group_move(stream, group, id, from, count)
  local info = group_find(stream, group)
  local read = entries_read(stream, info, id, from, tonumber(count))
  if not info then
    redis.call('XGROUP', 'CREATE', stream, group, id, 'MKSTREAM', 'ENTRIESREAD', read)
  elseif info_field(info, 'last-delivered-id') ~= id or (read >= 0 and info_field(info, 'entries-read') ~= read) then
    redis.call('XGROUP', 'SETID', stream, group, id, 'ENTRIESREAD', read)
  end
end
