-- SPDX-License-Identifier: Apache-2.0
-- The rebuild of a view; see consumer/view_rebuild.h.

-- Removes what an earlier leader has built. KEYS: the lease's epoch; hashes. ARGV: the caller's epoch. Answers 1; 0 if the
-- caller's epoch is over.
local function view_drop(keys, argv)
  if redis.call('GET', keys[1]) ~= argv[1] then return 0 end
  for i = 2, #keys do redis.call('UNLINK', keys[i]) end
  return 1
end

-- Ends a rebuild: puts the built hash in the place of the live one, or drops it, and records that. KEYS: the lease's epoch,
-- the positions, the job, the list of operations, the live hash, the built one, a name for the old one until it is
-- freed; then what else was built. ARGV: the caller's epoch, the job's id, '1' to replace, the list's new line,
-- how many lines it keeps, how many streams; for each its name and the entry up to which the view was built; then the
-- job's fields and values. Answers 1; 0 if the epoch is over; -1 if it is another job; -2 if the live view is further than
-- the built one. Memory of the old hash is freed beside everything else (UNLINK), however large it is.
local function view_end(keys, argv)
  if redis.call('GET', keys[1]) ~= argv[1] then return 0 end
  if redis.call('HGET', keys[3], 'id') ~= argv[2] then return -1 end
  local fields = 7 + 2 * argv[6]
  for i = 7, fields - 1, 2 do
    if (redis.call('HGET', keys[2], argv[i]) or '0-0') ~= argv[i + 1] then return -2 end
  end
  if argv[3] == '1' then
    if redis.call('EXISTS', keys[5]) == 1 then redis.call('RENAME', keys[5], keys[7]) end
    if redis.call('EXISTS', keys[6]) == 1 then redis.call('RENAME', keys[6], keys[5]) end
    redis.call('RPUSH', keys[4], argv[4])
    redis.call('LTRIM', keys[4], -argv[5], -1)
  end
  for i = 6, #keys do redis.call('UNLINK', keys[i]) end
  for i = fields, #argv, 2 do redis.call('HSET', keys[3], argv[i], argv[i + 1]) end
  return 1
end

redis.register_function('@LIBRARY@_view_drop', view_drop)
redis.register_function('@LIBRARY@_view_end', view_end)
