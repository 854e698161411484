-- SPDX-License-Identifier: Apache-2.0
-- The clock's own functions; see store/event_store.h.

-- Moves the clock to max(TIME, last), and at least to a log time. KEYS: clock. ARGV: the log time, if there is one. Answers
-- {log time, epoch}, or {} when there is no clock.
local function clock_tick(keys, argv)
  local last, epoch = clock_read(keys[1])
  if not last then return {} end
  local now = math.max(time_now(), last, tonumber(argv[1] or 0))
  if now > last then clock_write(keys[1], now, epoch) end
  return {number_text(now), epoch}
end

-- Makes the clock unless there is one: not before any entry of the streams. KEYS: clock, all streams of the shop.
-- ARGV: epoch.
local function clock_make(keys, argv)
  if clock_read(keys[1]) then return clock_tick(keys, {}) end
  local now = time_now()
  for k = 2, #keys do
    local stream = redis.call('XINFO', 'STREAM', keys[k])
    for field = 1, #stream, 2 do
      if stream[field] == 'last-generated-id' then
        local ms, us = string.match(stream[field + 1], '^(%d+)-(%d+)$')
        now = math.max(now, ms * 1000 + us)
      end
    end
  end
  clock_write(keys[1], now, argv[1])
  return {number_text(now), argv[1]}
end

redis.register_function{function_name = '@LIBRARY@_clock_tick', callback = clock_tick, flags = {'allow-oom'}}
redis.register_function{function_name = '@LIBRARY@_clock_make', callback = clock_make, flags = {'allow-oom'}}
