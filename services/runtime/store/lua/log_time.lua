-- SPDX-License-Identifier: Apache-2.0
-- Log time inside Redis: the clock of the shop is the string at the clock's key, "<last id> <epoch>". A log time is a
-- number, microseconds since the Unix epoch (below 2^53); an entry's id is "<ms>-<us>" of it.

-- What lies within a millisecond as text, and with three digits; made when it is needed first, for printing costs more
-- than most of what is done with it.
local microseconds, three_digits = {}, {}
local latest_ms, latest_ms_text

-- Returns the milliseconds of a log time as text, and the microseconds as a number.
local function log_time_parts(log_time)
  local us = log_time % 1000
  local ms = (log_time - us) / 1000
  if ms ~= latest_ms then latest_ms, latest_ms_text = ms, string.format('%.0f', ms) end
  if not microseconds[us] then
    microseconds[us], three_digits[us] = string.format('%d', us), string.format('%03d', us)
  end
  return latest_ms_text, us
end

local function log_time_id(log_time)
  local ms, us = log_time_parts(log_time)
  return ms .. '-' .. microseconds[us]
end

local function log_time_text(log_time)
  local ms, us = log_time_parts(log_time)
  return ms .. three_digits[us]
end

local function number_text(number)
  return string.format('%.0f', number)
end

-- An entry's id as a log time, or the nearest to it if the clock did not make the id; nil if it is none.
local function entry_log_time(id)
  local ms, us = string.match(id, '^(%d+)-(%d+)$')
  return ms and ms * 1000 + math.min(us, 999)
end

local function time_now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Last log time and epoch; nil when there is no clock (an empty Redis, or one that lost it).
local function clock_read(clock)
  local value = redis.call('GET', clock)
  if not value then return nil end
  local ms, us, epoch = string.match(value, '^(%d+)-(%d+) (%x+)$')
  return ms * 1000 + us, epoch
end

local function clock_write(clock, log_time, epoch)
  redis.call('SET', clock, log_time_id(log_time) .. ' ' .. epoch)
end
