-- SPDX-License-Identifier: Apache-2.0
-- Stock: what orders hold of each product, a lease in log time; see stock.h.
--
--   inventory_entity:<id>            Hash, as store/entity_store.h keeps it: readable fields and `_entity`; the
--                                    latter counts
--   inventory_reservation:<order>    String, the order's reservation:
--                                      <items>                        recorded, those of the order's last event
--                                      <attempt> <expire> <items>     a line for each open attempt
--                                    items being "<product>=<quantity>" by product, with blanks between
--   inventory_attempts               Sorted set: "<order> <attempt>" by expire time
--
-- An order holds, of each product, the largest quantity among those lines. Whatever changes a reservation changes the
-- inventories by the difference, so only stock_adjust changes amount + reserved_amount. A function first decides, then
-- writes. All answer {'no clock'} where there is none; after 'done' come the last log time and the log's epoch. An
-- event's optional origin is its `cause` and `traceparent`, each empty where there is none.

local AMOUNT_MAX = 1000000000

-- ---- protobuf ------------------------------------------------------------------------------------------------------

-- Wire types; a field's tag is its number times 8 plus its wire type.
local VARINT, BITS_64, SIZED, GROUP, GROUP_END, BITS_32 = 0, 1, 2, 3, 4, 5
local VARINT_LIMIT = 2 ^ 70 -- ten digits of seven bits

-- The fields of an Inventory (proto/ordershop/v1/inventory.proto) by tag. KEPT are id, product_id and create_time.
local AMOUNT_TAG, RESERVED_TAG, VERSION_TAG, UPDATE_TIME_TAG = 0x18, 0x20, 0x68, 0x7a
local NUMBERS = {[AMOUNT_TAG] = 'amount', [RESERVED_TAG] = 'reserved', [VERSION_TAG] = 'version'}
local KEPT = {[0x0a] = 'ids', [0x12] = 'ids', [0x72] = 'create_time'}
local SECONDS_TAG, NANOS_TAG = 0x08, 0x10 -- of a Timestamp

local function varint_bytes(number)
  if number < 128 then return number end
  return number % 128 + 128, varint_bytes(math.floor(number / 128))
end

local function varint_field(tag, number)
  if number == 0 then return '' end
  return string.char(tag, varint_bytes(number))
end

-- The number at `at` and where it ends: past the end of the bytes if they are cut off or not protobuf.
local function varint_read(bytes, at)
  local number, factor = 0, 1
  repeat
    local digit = string.byte(bytes, at) or 0
    number = number + digit % 128 * factor
    at, factor = at + 1, factor * 128
  until digit < 128
  if factor > VARINT_LIMIT then return 0, #bytes + 2 end
  return number, at
end

-- The value at `at`, if it is a varint, and where it ends, likewise.
local function value_read(bytes, at, wire_type)
  if wire_type == VARINT then return varint_read(bytes, at) end
  if wire_type == BITS_64 then return nil, at + 8 end
  if wire_type == BITS_32 then return nil, at + 4 end
  local number
  if wire_type == SIZED then
    number, at = varint_read(bytes, at)
    return nil, at + number
  end
  if wire_type ~= GROUP then return nil, #bytes + 2 end
  repeat
    local tag, _
    tag, at = varint_read(bytes, at)
    if tag % 8 ~= GROUP_END then _, at = value_read(bytes, at, tag % 8) end
  until tag % 8 == GROUP_END or at > #bytes + 1
  return nil, at
end

-- The tag at `at`, then the same of its value.
local function field_read(bytes, at)
  local tag, first = string.byte(bytes, at, at + 1)
  if tag < 128 and first and first < 128 then -- as nearly all are
    local wire_type = tag % 8
    if wire_type == VARINT then return tag, first, at + 2 end
    if wire_type == SIZED then return tag, nil, at + 2 + first end
  end
  tag, at = varint_read(bytes, at)
  return tag, value_read(bytes, at, tag % 8)
end

-- ---- times ---------------------------------------------------------------------------------------------------------

-- The date of a number of days since 1970, counted from a first of March so that leap days come last.
local function date_text(days)
  days = days + 719468
  local era = math.floor(days / 146097)
  local day = days % 146097
  local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
  day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * day + 2) / 153)
  day = day - math.floor((153 * month + 2) / 5) + 1
  year = year + 400 * era
  if month >= 10 then year, month = year + 1, month - 12 end
  return string.format('%04d-%02d-%02d', year, month + 3, day)
end

local second, second_text, second_field -- the latest one that was written

-- RFC 3339 with microseconds, and a packed Timestamp.
local function time_of(log_time)
  local seconds, micros = math.floor(log_time / 1000000), log_time % 1000000
  if seconds ~= second then
    local time = seconds % 86400
    second = seconds
    second_text = string.format('%sT%02d:%02d:%02d', date_text(math.floor(seconds / 86400)), math.floor(time / 3600),
      math.floor(time / 60) % 60, time % 60)
    second_field = varint_field(SECONDS_TAG, seconds)
  end
  return string.format('%s.%06dZ', second_text, micros), second_field .. varint_field(NANOS_TAG, micros * 1000)
end

-- ---- inventories and their events ----------------------------------------------------------------------------------

-- Of the function that runs: the log's clock and last log time, the stream of its events; the log time of an entry that
-- they must be later than; whether there have been any, and the time of the first.
local clock, last, epoch, stream, after, changed, update_time, update_field

local function changes_begin(clock_key, stream_key)
  clock, stream, after, changed = clock_key, stream_key, 0, false
  last, epoch = clock_read(clock)
  return last
end

-- The log time of the next event.
local function changes_next()
  if changed then
    last = math.max(last, after) + 1
  else
    last, changed = clock_next(last, after), true
    update_time, update_field = time_of(last)
  end
  return last
end

local function changes_end()
  if changed then clock_write(clock, last, epoch) end
  return number_text(last), epoch
end

-- A packed Inventory's numbers, of each field the last one, and the rest as it is. `others` are fields that a newer
-- version of the service has added, with any number and of any type: they must not be lost. Returns nil if the bytes
-- are no message.
local function inventory_unpack(bytes)
  local inventory = {amount = 0, reserved = 0, version = 0, ids = '', create_time = '', others = ''}
  local at, begin, kept = 1, 1, 'ids' -- what stands from `begin` to `at` is kept there; false: nowhere
  while at <= #bytes do
    local tag, number, past = field_read(bytes, at)
    if past > #bytes + 1 then return nil end
    local name = NUMBERS[tag]
    local to = not name and tag ~= UPDATE_TIME_TAG and (KEPT[tag] or 'others')
    if to ~= kept then
      if kept and begin < at then inventory[kept] = inventory[kept] .. string.sub(bytes, begin, at - 1) end
      begin, kept = at, to
    end
    if name then inventory[name] = number end
    at = past
  end
  if kept then inventory[kept] = inventory[kept] .. string.sub(bytes, begin) end
  return inventory
end

-- Returns nil if the product has no stock.
local function inventory_read(key)
  local bytes = redis.call('HGET', key, '_entity')
  if not bytes then return nil end
  local inventory = inventory_unpack(bytes)
  if not inventory then error({err = 'ERR ' .. key .. ' can\'t be decoded: its _entity is no Inventory'}) end
  inventory.key, inventory.bytes = key, bytes
  return inventory
end

-- Writes the inventory's next version and its event at a log time. It is packed as protobuf-c would, known fields by
-- their numbers and then the others: earlier versions of this library, which may run beside this one, rely on that.
local function inventory_write(inventory, log_time, event_id, cause, traceparent)
  local version = inventory.version + 1
  local bytes = inventory.ids .. varint_field(AMOUNT_TAG, inventory.amount)
    .. varint_field(RESERVED_TAG, inventory.reserved) .. varint_field(VERSION_TAG, version) .. inventory.create_time
    .. string.char(UPDATE_TIME_TAG, #update_field) .. update_field .. inventory.others
  redis.call('HSET', inventory.key, 'amount', inventory.amount, 'reserved_amount', inventory.reserved,
    'version', version, 'update_time', update_time, '_entity', bytes)

  local event = {'event_id', event_id, 'entity', bytes}
  if cause ~= '' then
    event[5], event[6] = 'cause', cause
  end
  if traceparent ~= '' then
    event[#event + 1] = 'traceparent'
    event[#event + 1] = traceparent
  end
  redis.call('XADD', stream, log_time_id(log_time), unpack(event))
  inventory.bytes, inventory.version = bytes, version
end

-- Takes `need` units out of the amount for an order, or gives them back if it is negative. An inventory that was made
-- anew owes nothing to those who took from the old one. Answers what was moved.
local function inventory_move(inventory, need, event_id, cause, traceparent)
  need = math.max(-inventory.reserved, math.min(need, inventory.amount))
  if need == 0 then return 0 end
  inventory.amount = inventory.amount - need
  inventory.reserved = inventory.reserved + need
  inventory_write(inventory, changes_next(), event_id, cause, traceparent)
  return need
end

-- ---- reservations --------------------------------------------------------------------------------------------------

local function reservation_read(key)
  local text = redis.call('GET', key)
  if not text then return {recorded = '', attempts = {}} end
  local attempts = {}
  for id, expire, items in string.gmatch(text, '\n(%S+) (%d+) ([^\n]*)') do
    attempts[#attempts + 1] = {id = id, expire = expire, items = items}
  end
  return {recorded = string.match(text, '^[^\n]*'), attempts = attempts}
end

local function reservation_write(key, reservation)
  local text = reservation.recorded
  for _, attempt in ipairs(reservation.attempts) do
    text = text .. '\n' .. attempt.id .. ' ' .. attempt.expire .. ' ' .. attempt.items
  end
  if text == '' then
    redis.call('DEL', key)
  else
    redis.call('SET', key, text)
  end
end

local function attempt_find(reservation, id)
  for i, attempt in ipairs(reservation.attempts) do
    if attempt.id == id then return i end
  end
end

-- Returns nil if it is not open.
local function attempt_close(reservation, id)
  local i = attempt_find(reservation, id)
  return i and table.remove(reservation.attempts, i)
end

local function hold(held, items)
  for product, quantity in string.gmatch(items, '([^ =]+)=(%d+)') do
    quantity = tonumber(quantity)
    if quantity > (held[product] or 0) then held[product] = quantity end
  end
end

-- Quantities by product.
local function reservation_held(reservation)
  local held = {}
  hold(held, reservation.recorded)
  for _, attempt in ipairs(reservation.attempts) do hold(held, attempt.items) end
  return held
end

-- Candidates are the inventories that a change of a reservation may concern, in ARGV from `at` on: how many, and for
-- each its product, the index of its key and an event id. Moves each by what the order now holds more or less of it.
-- Answers false, with nothing changed, when another product would have to be moved; otherwise true, and by product
-- what could not be taken because the inventory does not have it.
local function candidates_move(keys, argv, at, before, after, cause, traceparent)
  local needs, missing = {}, 0
  for product, quantity in pairs(after) do
    local need = quantity - (before[product] or 0)
    if need ~= 0 then needs[product], missing = need, missing + 1 end
  end
  for product, quantity in pairs(before) do
    if not after[product] then needs[product], missing = -quantity, missing + 1 end
  end
  local last_at = at + 3 * argv[at]
  for i = at + 1, last_at, 3 do
    if needs[argv[i]] then missing = missing - 1 end
  end
  if missing ~= 0 then return false end

  local inventories, short = {}, {}
  for i = at + 1, last_at, 3 do
    if needs[argv[i]] then inventories[i] = inventory_read(keys[tonumber(argv[i + 1])]) end
  end
  for i = at + 1, last_at, 3 do
    local need, inventory = needs[argv[i]] or 0, inventories[i]
    local moved = inventory and inventory_move(inventory, need, argv[i + 2], cause, traceparent) or 0
    if moved < need then short[argv[i]] = need - moved end
  end
  return true, short
end

-- ---- the functions -------------------------------------------------------------------------------------------------

-- An entry's log time; the second part of one that the log's clock did not make counts as at most 999.
local function position_read(id)
  local ms, us = string.match(id or '', '^(%d+)-(%d+)$')
  return ms and ms * 1000 + math.min(us, 999) or 0
end

-- Opens an attempt: holds what its items need beyond what the order holds already, all or nothing. One that is open
-- stays as it is.
-- KEYS: clock, stream inventory_updated, position, attempts, reservation, then the inventory of each item.
-- ARGV: order, attempt, expire, items as text, traceparent, then for each item: product, quantity, event id.
-- Answers {'done', ...}, {'short', number of the item, available to the order}, or, when the order events that were
-- applied reach to `expire`, {'expired', the latest log time known, epoch}.
local function stock_reserve(keys, argv)
  if not changes_begin(keys[1], keys[2]) then return {'no clock'} end
  local expire, position = tonumber(argv[3]), position_read(redis.call('HGET', keys[3], 'log'))
  if expire <= position then return {'expired', number_text(math.max(position, last)), epoch} end
  local reservation = reservation_read(keys[5])
  if attempt_find(reservation, argv[2]) then return {'done', changes_end()} end

  local held, takes = reservation_held(reservation), {}
  for item = 1, #keys - 5 do
    local at = 3 + 3 * item
    local have = held[argv[at]] or 0
    local need = argv[at + 1] - have
    if need > 0 then
      local inventory = inventory_read(keys[5 + item])
      local available = inventory and inventory.amount or 0
      if need > available then return {'short', item, available + have} end
      takes[#takes + 1] = {inventory, need, argv[at + 2]}
    end
  end

  for _, take in ipairs(takes) do inventory_move(take[1], take[2], take[3], '', argv[5]) end
  table.insert(reservation.attempts, {id = argv[2], expire = argv[3], items = argv[4]})
  reservation_write(keys[5], reservation)
  redis.call('ZADD', keys[4], argv[3], argv[1] .. ' ' .. argv[2])
  return {'done', changes_end()}
end

-- Closes an attempt and gives back what only it held.
-- KEYS: clock, stream inventory_updated, attempts, reservation, then the inventories of the attempt's items.
-- ARGV: order, attempt, traceparent, candidates.
-- Answers {'done', ...} or {'again'}: the candidates are not the attempt's products.
local function stock_release(keys, argv)
  if not changes_begin(keys[1], keys[2]) then return {'no clock'} end
  local reservation = reservation_read(keys[4])
  local before = reservation_held(reservation)
  if not attempt_close(reservation, argv[2]) then return {'done', changes_end()} end
  if not candidates_move(keys, argv, 4, before, reservation_held(reservation), '', argv[3]) then return {'again'} end
  reservation_write(keys[4], reservation)
  redis.call('ZREM', keys[3], argv[1] .. ' ' .. argv[2])
  return {'done', changes_end()}
end

-- Items without what could not be taken.
local function items_without(items, short)
  if not next(short) then return items end
  return (string.gsub(items, '([^ =]+)=(%d+)', function(product, quantity)
    return product .. '=' .. number_text(quantity - (short[product] or 0))
  end))
end

-- Closes the attempt of an order's event and makes the event's items the recorded ones. Answers nil when that moves a
-- product that is no candidate, otherwise the attempt that was closed or false, and the number of products that were
-- short: never, unless reservations were lost.
local function settle_event(keys, argv, key, at, log_time)
  local attempt_id, items, cause, traceparent = argv[at + 3], argv[at + 4], argv[at + 5], argv[at + 6]
  local reservation = reservation_read(key)
  local before = reservation_held(reservation)
  local closed = attempt_close(reservation, attempt_id)
  local only = closed and reservation.recorded == '' and not reservation.attempts[1]
  reservation.recorded = items
  local shorts = 0
  if not only or closed.items ~= items then
    after = log_time
    local moved, short = candidates_move(keys, argv, at + 7, before, reservation_held(reservation), cause, traceparent)
    if not moved then return nil end
    reservation.recorded = items_without(items, short)
    for _ in pairs(short) do shorts = shorts + 1 end
  end
  reservation_write(key, reservation)
  return closed and argv[at + 2] .. ' ' .. attempt_id or false, shorts
end

-- Applies events of orders, in their order, to the reservations and moves the stored positions with them; what is not
-- after its stream's position has been applied before.
-- KEYS: clock, stream inventory_updated, position, attempts, the lease's epoch, the reservation of each event, then
-- inventories. ARGV: epoch, number of streams and their names, number of events, then for each event: number of its
-- stream, entry id, order, attempt, items as text (none: deleted), event id, traceparent, candidates.
-- Answers {'done', last log time, epoch, events applied, products short}: fewer events are applied when the next one
-- moves a product that is no candidate of it. {'fenced'}: the lease has another epoch.
local function stock_settle(keys, argv)
  if redis.call('GET', keys[5]) ~= argv[1] then return {'fenced'} end
  if not changes_begin(keys[1], keys[2]) then return {'no clock'} end
  local streams = tonumber(argv[2])
  local names = {unpack(argv, 3, 2 + streams)}
  local positions = redis.call('HMGET', keys[3], unpack(names))
  for s = 1, streams do positions[s] = position_read(positions[s]) end

  local at, applied, shorts, moves, members = 4 + streams, 0, 0, {}, {}
  for e = 1, tonumber(argv[3 + streams]) do
    local s, log_time = tonumber(argv[at]), position_read(argv[at + 1])
    if log_time > positions[s] then
      local closed, short = settle_event(keys, argv, keys[5 + e], at, log_time)
      if closed == nil then break end
      positions[s], moves[names[s]] = log_time, argv[at + 1]
      if closed then members[#members + 1] = closed end
      shorts = shorts + short
    end
    applied = e
    at = at + 8 + 3 * argv[at + 7]
  end

  local fields = {}
  for name, id in pairs(moves) do
    fields[#fields + 1] = name
    fields[#fields + 1] = id
  end
  if fields[1] then redis.call('HSET', keys[3], unpack(fields)) end
  if members[1] then redis.call('ZREM', keys[4], unpack(members)) end
  local log_time, log_epoch = changes_end()
  return {'done', log_time, log_epoch, applied, shorts}
end

-- Drops attempts that no order can be recorded with any more, and gives back what only they held.
-- KEYS: clock, stream inventory_updated, attempts, the lease's epoch, keys with dead letters, the reservation of each
-- attempt, the list of dead letters of each attempt's order, then inventories. ARGV: epoch, position, number of
-- attempts, then for each: order, attempt, candidates.
-- Answers {'done', last log time, epoch, number of those dropped}; those of orders with dead letters, and those that
-- expire later than `position`, are left. {'fenced'}: the lease has another epoch.
local function stock_expire(keys, argv)
  if redis.call('GET', keys[4]) ~= argv[1] then return {'fenced'} end
  if not changes_begin(keys[1], keys[2]) then return {'no clock'} end
  local position, count, at, dropped = tonumber(argv[2]), tonumber(argv[3]), 4, 0
  for a = 1, count do
    local order, attempt_id = argv[at], argv[at + 1]
    local reservation = reservation_read(keys[5 + a])
    local before = reservation_held(reservation)
    local attempt = attempt_close(reservation, attempt_id)
    local expired = not attempt or tonumber(attempt.expire) <= position
    local held_up = redis.call('SISMEMBER', keys[5], order) == 1 or redis.call('EXISTS', keys[5 + count + a]) == 1
    if expired and not held_up
      and candidates_move(keys, argv, at + 2, before, reservation_held(reservation), '', '') then
      reservation_write(keys[5 + a], reservation)
      redis.call('ZREM', keys[3], order .. ' ' .. attempt_id)
      dropped = dropped + 1
    end
    at = at + 3 + 3 * argv[at + 2]
  end
  local log_time, log_epoch = changes_end()
  return {'done', log_time, log_epoch, dropped}
end

-- What an adjustment makes of an amount; nil where it is refused. What orders gave back may have lifted the amount
-- above the maximum: from there it may only go down.
local function amount_adjusted(amount, how, number)
  if how == 'keep' then return amount end
  local adjusted = how == 'add' and amount + number or number
  if adjusted < 0 or adjusted > AMOUNT_MAX and adjusted > amount then return nil end
  return adjusted
end

-- Changes the amount of an inventory by or to a number of units; without a change there is no event either.
-- KEYS: clock, stream inventory_updated, inventory, and the request record if there is one.
-- ARGV: 'add', 'set' or 'keep', number, expected version (0: any), event id, traceparent, the request record's life in
-- ms and fingerprint.
-- Answers {'done', last log time, epoch, packed inventory}, {'replayed', record} as store/lua/transactions.lua,
-- {'missing'}, {'version', actual}, {'range', amount}.
local function stock_adjust(keys, argv)
  if not changes_begin(keys[1], keys[2]) then return {'no clock'} end
  local inventory = inventory_read(keys[3])
  local expected = tonumber(argv[3])
  local amount = inventory and amount_adjusted(inventory.amount, argv[1], tonumber(argv[2]))
  local refusal
  if not inventory then
    refusal = {'missing'}
  elseif expected ~= 0 and expected ~= inventory.version then
    refusal = {'version', inventory.version}
  elseif not amount then
    refusal = {'range', inventory.amount}
  end

  local record = keys[4]
  if refusal then
    local replay = record and redis.call('GET', record)
    return replay and {'replayed', replay} or refusal
  end
  local log_time = amount ~= inventory.amount and changes_next()
  if record then
    local value = log_time and argv[7] .. ' ' .. number_text(log_time) or argv[7] .. '=' .. inventory.bytes
    local replay = redis.call('SET', record, value, 'NX', 'GET', 'PX', argv[6])
    if replay then return {'replayed', replay} end
  end
  if log_time then
    inventory.amount = amount
    inventory_write(inventory, log_time, argv[4], '', argv[5])
  end
  local last_time, log_epoch = changes_end()
  return {'done', last_time, log_epoch, inventory.bytes}
end

local function register(name, callback, flags)
  redis.register_function{function_name = '@LIBRARY@_' .. name, callback = callback, flags = flags}
end

-- Functions that give stock back run even where Redis is out of memory.
register('stock_reserve', stock_reserve, {})
register('stock_release', stock_release, {'allow-oom'})
register('stock_settle', stock_settle, {'allow-oom'})
register('stock_expire', stock_expire, {'allow-oom'})
register('stock_adjust', stock_adjust, {})
