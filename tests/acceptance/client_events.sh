#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# `ordershop events` and `ordershop status`: with a shop, with half of one, without.

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

tail_events() { "$ORDERSHOP_BIN/ordershop" events tail "$@"; }

# Begins to follow in the background, as a child that Ctrl-C reaches; what it prints is in $shop_folder/followed.
follow() {
  env --default-signal=INT "$ORDERSHOP_BIN/ordershop" events tail "$@" \
    >"$shop_folder/followed" 2>"$shop_folder/told" </dev/null 5>&- &
  shop_pid[follower]=$!
}

followed() { grep -q -- "$1" "$shop_folder/followed"; }
told() { grep -c -- "$1" "$shop_folder/told"; }
has_told() { [ "$(told "$1")" -gt 0 ]; }
follower_ends() { # follower_ends STATUS
  await_end follower 10
  [ "$shop_status" -eq "$1" ]
}
kill_follower() { kill -KILL "${shop_pid[follower]:-}" 2>/dev/null; }
shop_at_end+=(kill_follower)

create() { client customer create --name "$1" --email ada@example.com; }

entries() { # entries of all streams
  redis --scan --pattern 'events:*' </dev/null | sed 's/^/XLEN /' | redis | awk '{ sum += $1 } END { print sum }'
}

# All that was ever appended has been handled, and what followed from that, too.
nothing_is_under_way() {
  local service end
  for service in "${shop_owners[@]}"; do
    [ "$(redis exists "${service}_position")" = 1 ] || continue # it consumes nothing
    end=$(redis get ordershop_clock)
    [ "$(redis hget "${service}_position" log)" = "${end%% *}" ] && [ "$(redis llen "${service}_outbox")" = 0 ] || return 1
  done
  [ "$(redis xlen events:mail_created)" = "$(redis xlen events:mail_updated)" ]
}

all_events_come_in_order() {
  tail_events --no-follow --json >"$shop_folder/all"
  [ "$(wc -l <"$shop_folder/all")" = "$(entries)" ] &&
    sed 's/^{"id":"\([0-9]*\)-\([0-9]*\)".*/\1 \2/' "$shop_folder/all" | sort -c -u -k1,1n -k2,2n
}

lines_are_json() { /usr/bin/python3 -c 'import json, sys
for line in open(sys.argv[1]): json.loads(line)["stream"]' "$shop_folder/all"; }

# after the first entry there is everything else
goes_on_behind_an_entry() {
  local first
  first=$(sed -n '1s/^{"id":"\([^"]*\)".*/\1/p' "$shop_folder/all")
  diff <(tail_events --no-follow --json --from "$first") <(sed 1d "$shop_folder/all")
}

nothing_is_damaged() { # odd entries and streams beside the shop's
  redis xadd events:customer_created '*' what else >/dev/null
  redis xadd events:cart_created '*' event_id 1234 entity $'\xff\x01\e[31m' >/dev/null
  wait_until 60 followed "customer .*can't be decoded" && wait_until 60 followed "cart .*no type is known" &&
    ! grep -q $'\e' "$shop_folder/followed"
}

# --- events ---

shop_start
expect "all services are ready" ends_with 0 'crm  *yes  .*active' client status
expect "a demo is played" client demo
expect "mails are sent" wait_until 60 nothing_is_under_way
expect "the tail shows every event of all streams once, in log order" all_events_come_in_order
expect "each as a line of JSON" lines_are_json
expect "it goes on behind an entry" goes_on_behind_an_entry
expect "it ends after as many events as are wanted" test "$(tail_events --from beginning --count 3 | wc -l)" = 3
expect "it shows what happened lately" ends_with 0 'customer  *created .* name=' tail_events --from 10m --no-follow
expect "and nothing from later on" test -z "$(tail_events --from 2999-01-01 --no-follow)"
expect "one stream alone" test "$(tail_events --no-follow --json --stream mail_created | grep -vc '"mail_created"')" = 0
expect "a reader that has seen enough ends it" test -n "$(tail_events --from BEGINNING | head -n 1)"

follow
expect "it follows" eval 'wait_until 60 eval "create Follower >/dev/null; followed Follower"'
expect "odd entries and new streams are shown, and nothing moves the cursor" nothing_is_damaged
service_kill event
expect "it says that the event service is away" wait_until 60 has_told 'event service is away'
create Meanwhile >/dev/null
service_start event
expect "and that it is back" wait_until 60 has_told 'event service is back'
redis_crash
create Returner >/dev/null
expect "and goes on" wait_until 60 followed 'name=Returner'
expect "with what happened meanwhile" followed 'name=Meanwhile'
expect "having shown nothing twice" test -z "$(sort "$shop_folder/followed" | uniq -d)"
kill -INT "${shop_pid[follower]}"
expect "Ctrl-C ends it well" follower_ends 0

# --- bad days ---

expect "a wrong place to begin is told" ends_with 2 'from: "yesterday" is not BEGINNING, NOW' tail_events --from yesterday
expect "a wrong count is told" ends_with 2 'count: "0"' tail_events --count 0
# --- status ---

expect "events that were dead-lettered are told, with what to do" \
  wait_until 60 ends_with 0 'crm has dead-lettered 1 event of 1 key: ordershop dead-letter list crm ' client status crm
expect "a service that doesn't exist is refused" ends_with 2 'no service "cashier"' client status cashier
service_kill crm
expect "one that is down is told, with what to do" \
  ends_with 1 "crm doesn't answer at $(address_of crm): start it .* --crm-address" client status
expect "in JSON, too" ends_with 1 '"ready": false' client status order crm --json
service_start crm
wait_for_serving crm
service_pause billing
# where the call meets no open connection it ends with the connection's time, not with its own
expect "one that hangs holds up nobody for long" ends_with 1 "billing took too long\|billing doesn't answer" \
  "$ORDERSHOP_BIN/ordershop" --timeout $((5 * shop_slowness)) status
service_resume billing
redis_kill
expect "without Redis all are told in one sentence" wait_until 60 ends_with 1 \
  'customer, product, inventory, order, billing, crm, mail, event.* are not ready: Redis is unreachable' client status
expect "so does the tail" ends_with 3 "REDIS_UNREACHABLE" tail_events
redis_start
wait_for_serving "${shop_services[@]}"
shop_stop
expect "when nobody answers the exit status says so" ends_with 3 "order doesn't answer" client status order
shop_done
