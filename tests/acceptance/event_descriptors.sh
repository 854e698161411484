#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The descriptors of events beside the log: services write them with the rights that they have, one that is killed on the
# way completes them, and one that would break stored events ends and says what an operator may do.

# --- As in all scripts: what the caller's shell was told, or lacks, changes nothing here -----------------------------
[[ $- == *p* && -z ${POSIXLY_CORRECT+set} ]] || exec env -u POSIXLY_CORRECT bash -p -- "$0" "$@"
unset CDPATH BASH_ENV GLOBIGNORE
export -n SHELLOPTS BASHOPTS
export LC_ALL=C.UTF-8 HOME=${HOME:-~}
[[ ${TMPDIR:-/} == /* ]] || export TMPDIR=$PWD/$TMPDIR
[ -e /dev/fd/0 ] || exec </dev/null
[ -e /dev/fd/1 ] || exec >/dev/null
[ -e /dev/fd/2 ] || exec 2>/dev/null
set -euo pipefail

. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

create() { "$ORDERSHOP_BIN/ordershop" customer create --name "Ada Lovelace" --email "$1" >/dev/null; }
created() { redis xlen events:customer_created; }
written() { redis --raw hget "$1_descriptors" written; }

every_entity_is_described() {
  local entity
  for entity in customer product inventory order billing interaction mail; do
    written "$entity" | grep -E "^0-0 [0-9a-f-]{36} ordershop\.v1\.[A-Z][a-z]+$" >/dev/null || { echo "$entity is not" && return 1; }
    [ "$(redis hlen "${entity}_descriptors")" -ge 2 ] || return 1
  done
}

no_right_was_missing() { [ -z "$(redis acl log | tee /dev/stderr)" ]; }

may_read_them() { # may_read_them USER
  redis --user "$1" --pass "$(cat "$shop_folder/users/$1.password")" --no-auth-warning hget interaction_descriptors written |
    grep ordershop.v1.Interaction >/dev/null
}

stays_as_it_is() { # across a restart
  local before after
  before=$(redis debug digest-value customer_descriptors)
  service_restart customer
  after=$(redis debug digest-value customer_descriptors)
  [ "$before" = "$after" ]
}

killed_on_the_way_it_starts_again() {
  service_stop product
  redis del product_descriptors
  fail_point_arm product descriptors_written kill
  service_start product
  await_end product 60
  fail_point_was_hit product descriptors_written && [ "$(redis hexists product_descriptors versions)" = 0 ] &&
    written product | grep Product >/dev/null || return 1
  service_start product
  wait_for_serving product
  [ "$(redis hexists product_descriptors versions)" = 1 ] && [ "$(written product | grep -c .)" = 1 ]
}

# What an earlier version, with another name for the field of the same number, would have left there.
had_another_field() {
  redis eval "local hash = string.match(redis.call('HGET', KEYS[1], 'written'), '^%S+ (%S+)')
    local set, count = string.gsub(redis.call('HGET', KEYS[1], hash), 'email', 'phone')
    redis.call('HSET', KEYS[1], 'former', set, 'written', '0-0 former ordershop.v1.Customer\n')
    redis.call('HDEL', KEYS[1], 'versions')
    return count" 1 customer_descriptors | grep -x 2 >/dev/null
}

refuses_to_start() {
  : >"$(log_of customer)"
  service_start customer
  await_end customer 60
  cat "$(log_of customer)"
  [ "$shop_status" -eq 1 ] && grep -q '^ordershop-customer: stored events would break' "$(log_of customer)" &&
    grep -qx '  ordershop.v1.Customer: field 3 was string phone, is string email' "$(log_of customer)" &&
    ! grep -q serving "$(log_of customer)"
}

# By what it has said itself.
starts_and_marks_it() {
  local setting
  setting=$(grep -o 'ORDERSHOP_ACCEPT_DESCRIPTORS=[0-9a-f-]*$' "$(log_of customer)")
  service_start customer "$setting"
  wait_for_serving customer
  written customer | tail -n 2 | grep -E '^[0-9]+-[0-9]+ [0-9a-f-]{36} ordershop\.v1\.Customer anew$' >/dev/null
}

# An event of a service that the shop knows nothing of, and that doesn't run: its entity is a customer by another name.
another_service_wrote_an_event() {
  redis eval "local hash = string.match(redis.call('HGET', KEYS[1], 'written'), '^%S+ (%S+)')
    local set = string.gsub(redis.call('HGET', KEYS[1], hash), 'Customer', 'Giftcard')
    set = string.gsub(set, 'email', 'owner')
    redis.call('HSET', KEYS[2], 'one', set, 'written', '0-0 one ordershop.v1.Giftcard\n')
    local entry = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
    local ms, epoch = string.match(redis.call('GET', KEYS[5]), '^(%d+)%-%d+ (%x+)$')
    local id = string.format('%.0f-0', ms + 1)
    redis.call('SET', KEYS[5], id .. ' ' .. epoch)
    return redis.call('XADD', KEYS[4], id, unpack(entry[2]))" \
    5 customer_descriptors giftcard_descriptors events:customer_created events:giftcard_created ordershop_clock
}

tail_shows_it() { # tail_shows_it [--json]: since nobody else can tell of the type, by what lies beside the log
  "$ORDERSHOP_BIN/ordershop" events tail --from 1h --no-follow --stream giftcard_created "$@" | tee "$shop_folder/tail"
}
tail_shows_text() { tail_shows_it && grep -q 'giftcard .*owner=.*ada@example.com' "$shop_folder/tail"; }
tail_shows_json() { tail_shows_it --json && grep -q '"giftcard":{.*"owner":"ada@example.com"' "$shop_folder/tail"; }

shop_start
expect "a customer is created" create ada@example.com
expect "every entity of the shop has its descriptors" every_entity_is_described
expect "no service lacks a right for that" no_right_was_missing
expect "the event service may read them" may_read_them event
expect "so may the operator" may_read_them operator
expect "a restart changes nothing" stays_as_it_is
expect "one that was killed on the way completes them" killed_on_the_way_it_starts_again
expect "there is an event of a service that is elsewhere" another_service_wrote_an_event
expect "the command line shows it as text" wait_until 60 tail_shows_text
expect "and as JSON" tail_shows_json
service_stop customer
expect "an earlier version had another field of that number" had_another_field
expect "a version that would break its events ends with 1, and says message, field and what to do" refuses_to_start
expect "it has written nothing" [ "$(created)" = 1 ]
expect "it is refused again" refuses_to_start
expect "then it starts, and the change is marked" starts_and_marks_it
expect "it takes commands" create grace@example.com
service_stop customer
redis hdel customer_descriptors versions >/dev/null
redis_stop
expect "without Redis it runs and waits" eval 'service_start customer; wait_until 60 is_listening customer && is_running customer'
redis_start
expect "and begins when Redis is there" wait_for_serving customer
shop_done
