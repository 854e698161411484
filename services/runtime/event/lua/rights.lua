-- Which of the rights that every service needs is missing; see event/rights.h.

-- Commands that take what follows their key for more keys.
local takes_keys = {EXISTS = true, DEL = true}

-- KEYS: the clock, any key of the service's own. Answers the first command and key that the caller may not use; {}: none.
local function rights_missing(keys)
  local needed = {
    {keys[1], 'GET', 'SET'},
    {keys[2], 'EXISTS', 'GET', 'SET', 'DEL', 'HGET', 'HSET', 'SADD', 'SREM', 'ZADD', 'ZREM'},
  }
  for _, rights in ipairs(needed) do
    for i = 2, #rights do
      local command, key = rights[i], rights[1]
      local may
      if takes_keys[command] then
        may = redis.acl_check_cmd(command, key)
      else
        may = redis.acl_check_cmd(command, key, 'x', 'x')
      end
      if not may then return {command, key} end
    end
  end
  return {}
end

redis.register_function{function_name = '@LIBRARY@_rights_missing', callback = rights_missing, flags = {'no-writes'}}
