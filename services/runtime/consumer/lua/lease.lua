-- SPDX-License-Identifier: Apache-2.0
-- Leases; see consumer/leader.h.

-- Takes or renews the lease. KEYS: lease, its epoch. ARGV: holder, client id of the holder's blocking connection, life
-- in ms, 1 if the holder is to get a new epoch, too, otherwise 0. Answers {epoch (0 if somebody else holds it), client id
-- of the holder}. A new epoch is the time in ms, pushed
-- up to stay increasing, so no epoch ever comes again, not even when the key is lost or restored from a backup.
local function lease_acquire(keys, argv)
  local value = redis.call('GET', keys[1])
  local holder, client = string.match(value or '', '^(%S+) (%d+)$')
  if value and holder ~= argv[1] then return {'0', client or '0'} end
  local epoch = redis.call('GET', keys[2])
  if not value or not epoch or argv[4] == '1' then
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

redis.register_function{function_name = '@LIBRARY@_lease_acquire', callback = lease_acquire, flags = {'allow-oom'}}
redis.register_function{function_name = '@LIBRARY@_lease_release', callback = lease_release, flags = {'allow-oom'}}
