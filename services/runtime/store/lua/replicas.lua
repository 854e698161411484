-- SPDX-License-Identifier: Apache-2.0
-- What the replica barrier does in Redis (store/replica_barrier.h).

-- Writes something that only replicas get: the server's own append-only file, and its sync, are left out. KEYS: any key of
-- the service's own.
local function replicas_mark(keys)
  redis.set_repl(redis.REPL_REPLICA)
  redis.call('SET', keys[1], '1')
  return redis.status_reply('OK')
end

-- Whether the server can say what replicas have on their disks: it knows WAITAOF (7.2 and later), the caller may use it, and
-- it has an append-only file itself, so that its replicas, which are to take its place, have one, too.
local function replicas_tell_disks()
  local known, may = pcall(redis.acl_check_cmd, 'WAITAOF', '0', '1', '1')
  if not known or may ~= true then return 0 end
  local info = redis.pcall('INFO', 'server', 'persistence')
  return type(info) == 'string' and string.find(info, 'aof_enabled:1', 1, true) and 1 or 0
end

redis.register_function{function_name = '@LIBRARY@_replicas_mark', callback = replicas_mark, flags = {'allow-oom'}}
redis.register_function{function_name = '@LIBRARY@_replicas_tell_disks', callback = replicas_tell_disks, flags = {'no-writes'}}
