#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A shop with a Redis for each service goes back to one, by unite.sh and restore.sh (docs/scale.md): nothing is lost, and nothing is
# done twice.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests documented commands"

# shellcheck source-path=SCRIPTDIR source=../lib/apart.sh
. "$ORDERSHOP_SOURCE/tests/lib/apart.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/moved_shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/moved_shop.sh"
file=$shop_folder/shop.rdb

unite() { # unite ARGUMENT...
  "$ORDERSHOP_SOURCE/deploy/redis/unite.sh" "$@"
}
list_places() {
  local owner
  for owner in "${shop_owners[@]}"; do printf '%s\n' --of "$owner" "127.0.0.1:$(apart_port "$owner")" "$shop_folder/users-$owner"; done
}
leaves_nothing() { [ -z "$(find "$shop_folder" -maxdepth 1 -name '.unite.*' -o -maxdepth 1 -name '*.rdb')" ]; }

stop_all() {
  local name
  for name in "${shop_services[@]}"; do
    ! is_running "$name" || service_stop "$name"
  done
}
start_in_one() {
  local name
  rm -rf "$shop_folder/redis"
  mkdir "$shop_folder/redis"
  "$ORDERSHOP_SOURCE/deploy/redis/restore.sh" "$file" "$shop_folder/redis"
  redis_start
  clock=$(redis GET ordershop_clock)
  for name in "${shop_services[@]}"; do service_start "$name"; done
  wait_for_serving "${shop_services[@]}"
}

lag_is() { # lag_is SERVICE LAG
  client status "$1" | awk -v service="$1" -v lag="$2" '$1 == service { found = $6 == lag } END { exit !found }'
}
all_caught_up() {
  local name
  for name in inventory order billing crm mail; do lag_is "$name" 0 || return 1; done
}
all_events_come_in_order() { come_in_order "$(entries)"; }

# Of each Redis: how many keys, and the clock.
look_at_all() {
  local owner
  for owner in "${shop_owners[@]}"; do apart_redis "$owner" DBSIZE && apart_redis "$owner" GET ordershop_clock; done
}
knows_no_other_log() { [ "$(redis HKEYS "$1_position" | grep -c ':')" = 0 ]; }

shop_prepare
redis_start # in which the event service looks for services of one's own
for owner in "${shop_owners[@]}"; do apart_redis_start "$owner"; done
start_services_apart
mapfile -t places < <(list_places)
customer=$(client customer create --name Ada --email ada@example.com --quiet)
product=$(client product create --name Kettle --price 1.00 --quiet)
client stock create --product "$product" --amount 10 >/dev/null
before=$(order_one)
expect "an order is thanked for before the move" wait_until 60 has_mails ada@example.com 3
expect "all consumers have caught up" wait_until 60 all_caught_up

service_stop crm # what it has not handled yet moves, too
late=$(client customer create --name Late --email late@example.com --quiet)
expect "while services run nothing is united" ends_with 1 'is connected to .*stop all services first' unite "$file" "${places[@]}"
expect "nor is anything left behind" leaves_nothing
stop_all
redis_stop
expect "each service must be named" ends_with 2 'mail owns mail: --of mail is missing' unite "$file" "${places[@]:0:24}"
expect "as where it is" ends_with 1 'does not answer user operator' \
  unite "$file" "${places[@]:0:24}" --of mail "127.0.0.1:$(spare_port)" "$shop_folder/users-mail"
# As a Redis has it that was made of one for all.
apart_redis billing SET order_entity:of-before "nobody looks at it" >/dev/null
apart_redis billing XADD events:order_created 1-1 nobody "looks at it" >/dev/null
latest=$(date -d '+5 seconds' +%s)000-7 # the clock of crm runs ahead
apart_redis crm SET ordershop_clock "$latest $(apart_redis crm GET ordershop_clock | cut -d ' ' -f 2)" >/dev/null
look_at_all >"$shop_folder/before"
entries_before=$(entries_apart)
expect "what all have is united" unite "$file" "${places[@]}"
expect "only its owner can read it" test "$(stat -c %a "$file")" = 600
look_at_all >"$shop_folder/after"
expect "and nothing has changed where it was" cmp "$shop_folder/before" "$shop_folder/after"
expect "it overwrites nothing" ends_with 1 'exists already' unite "$file" "${places[@]}"
expect "all services serve in one Redis" start_in_one
expect "whose clock is at the latest of all" [ "${clock% *}" = "$latest" ]
expect "which has all events" [ "$(entries)" -ge "$entries_before" ]
expect "and of each service only what lay in its own" [ "$(redis EXISTS order_entity:of-before)$(redis XRANGE events:order_created 1-1 1-1)" = 0 ]

expect "who was greeted before is not greeted again" has_mails ada@example.com 3
expect "who waited to be greeted is" wait_until 60 has_mails late@example.com 1
after=$(order_one)
expect "an order is made" [ -n "$after" ]
expect "stock knows both orders" wait_until 60 has_stock "$product" 8
client billing create --order "$before" >/dev/null
expect "an order of before is billed, and the mails of both come" wait_until 60 has_mails ada@example.com 6
client order delete "$after" >/dev/null
expect "a deleted order gives back its stock" wait_until 60 has_stock "$product" 9
expect "a customer of before can be deleted" client customer delete "$late"
expect "consumers tell no lag" wait_until 60 all_caught_up
expect "nor know of several logs" knows_no_other_log crm
expect "events of before and after the move are told as of one log" wait_until 60 all_events_come_in_order
expect "the audit finds all as it should be" wait_until 60 is_audited
expect "nothing is written where all was before" [ "$(entries_apart)" = "$entries_before" ]
expect "views can be built anew" client view rebuild crm profiles --verify

for owner in "${shop_owners[@]}"; do
  kill -TERM "${shop_pid[redis-$owner]}"
  await_end "redis-$owner" 60
done
shop_done
