#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# `ordershop status --watch`: what a shop does under load, with nothing configured for it.

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

PATH=$ORDERSHOP_BIN:$PATH
command -v jq >/dev/null || skip "jq is not installed"
rate=50 # calls a second
shown=$shop_folder/shown

# --- In the background ---

watching='' loading=''
stop_both() { kill $watching $loading 2>/dev/null || true; }
shop_at_end+=(stop_both)

watch_begin() { # watch_begin FLAG...
  ordershop status --watch 1 "$@" >"$shown" 2>&1 </dev/null &
  watching=$!
}

load_begin() {
  ordershop load --mode get --rate $rate --seconds $((120 * shop_slowness)) --warm-up 0 --deadline 60000 >/dev/null 2>&1 </dev/null &
  loading=$!
}

# --- What it shows ---

# told CONDITION: one of the objects that have been written has it, of the service as $of; the last may be incomplete.
told() { jq -n "first(try inputs catch empty | .services[] | select($1))" "$shown" 2>/dev/null | grep . >/dev/null; }

first_has_no_rates() { jq -n 'input | .services | length >= 8 and all(has("rates") | not)' "$shown" | grep true; }

about_the_rate() {
  told ".service == \"customer\" and .rates.callsPerSecond > $rate * 0.6 and .rates.callsPerSecond < $rate * 1.4 and
        .rates.failedPerSecond == 0 and .rates.p99Seconds > 0 and .rates.p99Seconds <= 10 and .rates.seconds > 0.5"
}

quiet_ones_have_none() { told '.service == "billing" and .rates.callsPerSecond == 0 and (.rates | has("p99Seconds") | not)'; }

events_are_told() { told '.service == "crm" and .rates.eventsPerSecond > 0 and .outbox.messages != null'; }

make_customers() { seq 100 | sed 's/.*/{"name": "Ada &", "email": "ada&@example.com"}/' | ordershop customer create --from - --quiet >/dev/null; }

restarts_are_told() { # the second process has counted from zero, but nothing is negative
  told ".service == \"customer\" and .startTime > \"$started\" and .rates == null" &&
    ! told '.rates != null and (.rates.callsPerSecond < 0 or .rates.eventsPerSecond < 0)'
}

shop_start
load_begin
watch_begin --json
expect "the rate of calls is about that of the load, with a p99" wait_until 30 about_the_rate
expect "it has no rates the first time" first_has_no_rates
expect "who is not called has a rate of 0 and no p99" wait_until 30 quiet_ones_have_none
expect "customers are made" make_customers
expect "events that are handled have a rate, and the outbox is told" wait_until 30 events_are_told
started=$(ordershop status customer --json | jq -r '.services[].startTime')
service_kill customer
service_start customer
expect "a service that was started again begins anew" wait_until 30 restarts_are_told
kill "$watching"
wait "$watching" 2>/dev/null || true

watch_begin
blocks() { [ "$(grep -c '^SERVICE  *READY  *CALLS/S  *FAILED/S  *P99  *EVENTS/S  *LAG  *DEAD  *OUTBOX$' "$shown")" -ge 2 ]; }
expect "where there is no terminal, people get a table after the other" wait_until 30 blocks
expect "with figures" wait_until 30 grep -qE '^customer  *yes  *[0-9.]+  *[0-9.]+  *[0-9.]+ m?s  *-  *-  *-  *-$' "$shown"
stop_both
shop_done
