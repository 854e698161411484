#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A shop that has one Redis goes on with one for each service, by backup.sh, restore.sh and make_users.sh --of (docs/scale.md):
# nothing is lost, and nothing is done twice.

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

start_all_redises() {
  local name
  for name in "${shop_owners[@]}"; do
    mkdir "$shop_folder/redis-$name"
    "$ORDERSHOP_SOURCE/deploy/redis/restore.sh" "$file" "$shop_folder/redis-$name" && apart_redis_start "$name" || return 1
  done
}

all_events_come_in_order() { come_in_order "$(entries_apart)"; }

shop_start
customer=$(client customer create --name Ada --email ada@example.com --quiet)
product=$(client product create --name Kettle --price 1.00 --quiet)
client stock create --product "$product" --amount 10 >/dev/null
before=$(order_one)
expect "an order is thanked for before the move" wait_until 60 has_mails ada@example.com 3

service_stop crm # what it has not handled yet moves, too
late=$(client customer create --name Late --email late@example.com --quiet)
for name in "${shop_services[@]}"; do
  ! is_running "$name" || service_stop "$name"
done
expect "the shop's Redis is saved" "$ORDERSHOP_SOURCE/deploy/redis/backup.sh" --port "$(port_of redis)" --user '' "$file"
entries_before=$(entries)
expect "a Redis for each service starts from it" start_all_redises
expect "all services serve" start_services_apart

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
expect "events of before and after the move are told as of one log" wait_until 60 all_events_come_in_order
expect "the audit finds all as it should be" wait_until 60 is_audited
expect "nothing is written where all was before" [ "$(entries)" = "$entries_before" ]

for name in "${shop_owners[@]}" event; do service_stop "$name"; done
for name in "${shop_owners[@]}"; do
  kill -TERM "${shop_pid[redis-$name]}"
  await_end "redis-$name" 60
done
shop_done
