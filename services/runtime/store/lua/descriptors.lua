-- SPDX-License-Identifier: Apache-2.0
-- The descriptors with which events are written; see service/event_types.h.

-- Sets two fields of a hash if the first still is what was read: two processes that start at once don't lose what the
-- other has written. KEYS: the hash. ARGV: the first field, its value before ('' for none) and after, the other field,
-- its value. Answers 1 if they are set.
local function descriptors_write(keys, argv)
  if (redis.call('HGET', keys[1], argv[1]) or '') ~= argv[2] then return 0 end
  redis.call('HSET', keys[1], argv[1], argv[3], argv[4], argv[5])
  return 1
end

redis.register_function('@LIBRARY@_descriptors_write', descriptors_write)
