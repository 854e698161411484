-- SPDX-License-Identifier: Apache-2.0
-- Accepting what a log lacks; see consumer/log_repair.h.

-- Sets fields of the positions if all of them still have the values that were read, and records who did it. A call of its
-- own, since transactions are refused while something is missing. KEYS: the positions; the list of operations. ARGV: the
-- list's new line, how many lines it keeps; then for each field its name, its value before ('' for none) and after.
-- Answers 1 if that is done.
local function loss_accept(keys, argv)
  for i = 3, #argv, 3 do
    if (redis.call('HGET', keys[1], argv[i]) or '') ~= argv[i + 1] then return 0 end
  end
  for i = 3, #argv, 3 do redis.call('HSET', keys[1], argv[i], argv[i + 2]) end
  redis.call('RPUSH', keys[2], argv[1])
  redis.call('LTRIM', keys[2], -argv[2], -1)
  return 1
end

redis.register_function('@LIBRARY@_loss_accept', loss_accept)
