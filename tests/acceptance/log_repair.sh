#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A log that lost its end, and one that somebody has trimmed, are mended by `ordershop log` alone, while callers go on: each
# service says what it misses and waits, an operator accepts it by its name, and all serve again.

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

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
log() { client log "$@"; }

# --- Callers ---

# Customers come one after another until the file `closed` is there; those that the shop has confirmed are noted.
customers_come() {
  local number=0
  : >"$shop_folder/confirmed"
  until [ -e "$shop_folder/closed" ] || [ ! -e "$shop_folder/confirmed" ]; do
    number=$((number + 1))
    "$ORDERSHOP_BIN/ordershop" --timeout 1 customer create --name "Customer $number" --email "c$number@example.com" --quiet \
      >"$shop_folder/newcomer" 2>/dev/null && cat "$shop_folder/newcomer" >>"$shop_folder/confirmed"
  done
}
confirmed() { wc -l <"$shop_folder/confirmed"; }
more_are_confirmed() { [ "$(confirmed)" -ge "$1" ]; } # more_are_confirmed COUNT
await_customers() { wait_until 60 more_are_confirmed $(($(confirmed) + $1)) || fail "no customers come any more"; }

is_welcomed() { [ "$(client crm interactions --customer "$1" --json | wc -l)" -ge 1 ]; } # is_welcomed CUSTOMER

last_customer() { tail -n 1 "$shop_folder/confirmed"; }

# --- The log ---

# A copy of the log's files between two writes.
keep_files() {
  kill -STOP "${shop_pid[redis]}"
  cp -r "$shop_folder/redis/appendonlydir" "$shop_folder/older"
  kill -CONT "${shop_pid[redis]}"
}

lose_end() {
  redis_kill
  rm -rf "$shop_folder/redis/appendonlydir"
  cp -r "$shop_folder/older" "$shop_folder/redis/appendonlydir"
  redis_start
}

# The services that say that they miss something, and the commands that they tell.
losers() { { log status || true; } | sed -n 's/^\([a-z]*\) (.*) misses of the log .*/\1/p'; }
told() { { log status || true; } | sed -n 's/^  to go on without it: ordershop //p'; }
all_owners_miss() { [ "$(losers | wc -l)" -eq $((${#shop_shipped[@]} - 1)) ]; } # the event service has nothing of its own

accept_all() {
  local words
  while read -ra words; do
    client "${words[@]}" --by ada --reason "restored the older file" || return
  done < <(told)
}
nothing_is_missing() { log status >"$shop_folder/log_status"; }
accept_until_all_is_well() {
  nothing_is_missing || { accept_all && false; }
}

# --- Nothing ---

shop_start
expect "where nothing is missing, it says so of each service" ends_with 0 '^crm  *shop .*none$' log status
expect "of one service its streams are told, too" ends_with 0 'customer_created' log status crm
expect "nothing can be accepted then" ends_with 1 LOG_LOSS_CHANGED log accept customer nothing
expect "what is accepted must be said" ends_with 2 'needs a service, and what it misses' log accept customer
expect "a log that isn't there is not found" ends_with 1 LOG_NOT_FOUND log accept customer nothing --log other
expect "the service that only tells the log has none to tell of" ends_with 1 UNIMPLEMENTED log status event

# --- The end is lost ---

customers_come &
callers=$!
await_customers 5
keep_files
await_customers 5
lost=$(last_customer)
expect "what is lost has been seen" wait_until 60 is_welcomed "$lost"
expect "by all services, which look at the log when they are asked" nothing_is_missing
lose_end
expect "every service that owns something misses it" wait_until 60 all_owners_miss
expect "and says which range it is" ends_with 1 'lost: after [0-9-]* up to [0-9-]*$' log status crm
expect "its status tells the commands" wait_until 60 ends_with 1 'log accept crm' client status crm
expect "another loss than the one that is there is not accepted" ends_with 1 LOG_LOSS_CHANGED \
  log accept crm 8ad25efb-cd80-5d6c-99ec-41787db99c82
expect "nobody is served meanwhile" wait_until 60 ends_with 3 LOG_RESET \
  "$ORDERSHOP_BIN/ordershop" --timeout 1 customer create --name Nobody --email nobody@example.com
expect "by accepting what each misses, nothing is missing any more" wait_until 60 accept_until_all_is_well
expect "all serve again" wait_until 60 serve "${shop_services[@]}"
await_customers 5
expect "and go on" wait_until 60 is_welcomed "$(last_customer)"
expect "what was lost is lost" ends_with 1 CUSTOMER_NOT_FOUND client customer get "$lost"
expect "it is recorded who has accepted what" ends_with 0 'ada .*it ends at .*restored the older file' log status customer
expect "nobody has used redis-cli: the positions say it" test -n "$(redis hget customer_position accepted)"

# --- Entries are removed before they were applied ---

service_stop crm
await_customers 3
redis xtrim events:customer_created maxlen 0 >/dev/null
service_start crm
expect "a consumer names entries that were removed" wait_until 60 ends_with 1 '"kind":"LOG_LOSS_KIND_GAP"' log status crm --json
expect "others miss nothing, or have applied them" ends_with 0 '"losses":\[\]' log status customer --json
expect "the gap is accepted" wait_until 60 accept_until_all_is_well
expect "and the service goes on" wait_until 60 serve "${shop_services[@]}"
await_customers 2
expect "with those that come then" wait_until 60 is_welcomed "$(last_customer)"
touch "$shop_folder/closed"
wait $callers || true
shop_done
