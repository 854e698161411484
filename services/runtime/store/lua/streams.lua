-- SPDX-License-Identifier: Apache-2.0
-- What streams hold, and what they held; see store/known_log.h.

-- KEYS: streams. ARGV: group. Answers for each stream {first entry or '', last id, highest id that was deleted,
-- entries ever added, length, the group's last id or '', entries that the group has read (-1 if unknown)}, {} if
-- there is no such stream.
local function streams_look(keys, argv)
  local sights = {}
  for k, key in ipairs(keys) do
    local stream = redis.pcall('XINFO', 'STREAM', key)
    if stream.err then
      sights[k] = {}
    else
      local first = info_field(stream, 'first-entry')
      local group = argv[1] ~= '' and group_find(key, argv[1])
      sights[k] = {
        first and first[1] or '', info_field(stream, 'last-generated-id'), info_field(stream, 'max-deleted-entry-id'),
        info_field(stream, 'entries-added'), info_field(stream, 'length'),
        group and info_field(group, 'last-delivered-id') or '', group and info_field(group, 'entries-read') or -1,
      }
    end
  end
  return sights
end

redis.register_function{function_name = '@LIBRARY@_streams_look', callback = streams_look, flags = {'no-writes'}}
