#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Services that are called five times as often as they can answer: behind a slow Redis, so that what they can do is small
# and known, and the machine has time for the rest. What is counted is how much of that they still do, not how fast.

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
export ORDERSHOP_RESERVATION_SECONDS=3600 # what expires only then has not been given back
shop_start customer product inventory order

# load FLAG...: its report goes to $shop_folder/load.json; failures are what is looked for
load() {
  ordershop load --port-base "$shop_port_base" --json --warm-up 1 "$@" >"$shop_folder/load.json" 2>"$shop_folder/load.err" || true
}

# holds JQ-CONDITION: of the last load's report
holds() { jq -e "$1" "$shop_folder/load.json" >/dev/null || { cat "$shop_folder/load.json" && return 1; }; }

# behind_a_slow_redis SERVICE COMMANDS_PER_SECOND: starts it again there
behind_a_slow_redis() {
  launch slow_redis python3 "$ORDERSHOP_SOURCE/tests/lib/slow_redis.py" "$(spare_port)" "$(port_of redis)" "$2"
  wait_until 60 port_is_taken "$(spare_port)" || fail "the slow Redis does not listen"
  service_restart "$1" ORDERSHOP_REDIS_URL="redis://$1@127.0.0.1:$(spare_port)/0"
}

behind_its_redis() { # again
  service_restart "$1"
  kill "${shop_pid[slow_redis]}"
  await_end slow_redis 60
}

port_is_taken() { ! port_is_free "$1"; }

memory_kib() { awk '/^RssAnon/ { print $2 }' "/proc/${shop_pid[$1]}/status"; }
memory_is_below() { [ "$(memory_kib "$1")" -lt "$2" ]; }

# What a sanitizer keeps for itself says nothing.
memory_becomes() { [ "$shop_slowness" -gt 1 ] || wait_until 180 memory_is_below "$1" "$2"; }

# Attempts to order that still have stock reserved.
attempts() { redis ZCARD inventory_attempts; }

# A release that overtakes its reservation releases nothing (docs/guarantees.md): on a machine that stands still now and
# then, one call in a hundred may leave stock to its expiry, and the first ten, since a slow build is asked for few hundreds.
hardly_any_is_reserved() {
  local more
  more=$(($(attempts) - attempts_before)) && echo "$more attempts" && [ "$more" -le $((asked / 100 + 10)) ]
}

# Thousands of calls are refused; where they are in two or three bouts of a flood, so are the lines.
tells_of_it_in_few_lines() {
  local lines
  lines=$(grep -c 'overloaded: calls are refused' "$(log_of order)") || return 1
  [ "$lines" -le $((3 * floods)) ]
}

readonly flood_seconds=6

# Measures what orders a second are possible, then asks for five times as many, with deadlines of a second.
flood() {
  load --in-flight 16 --seconds 4
  possible=$(jq '.perSecond | floor' "$shop_folder/load.json")
  memory=${memory:-$(memory_kib order)}
  floods=$((floods + 1)) asked=$((asked + possible * 5 * flood_seconds))
  load --rate $((possible * 5)) --deadline 1000 --seconds "$flood_seconds"
}

# What a busy machine can do changes while it is looked at, so it is tried three times. Without admission nearly nothing is
# done in any of them.
in_one_of_three() { "$@" || "$@" || "$@"; }

# Nearly all of it, where the machine has nothing else to do.
most_of_it_is_done() { holds ".calls / .seconds >= $possible * 0.5"; }
the_rest_is_refused() { holds '(.failuresByCode.RESOURCE_EXHAUSTED // 0) >= .failures * 0.9'; }
refusals_come_at_once() { holds '.refusedMs.p50 < 300'; }
most_is_done_and_the_rest_refused_at_once() {
  flood
  most_of_it_is_done && the_rest_is_refused && refusals_come_at_once
}
all_is_answered_again() {
  load --rate $((possible / 2 + 1)) --deadline 1000 --seconds 3
  holds '.failures <= .calls / 2'
}

expect_it_to_bear_floods() { # expect_it_to_bear_floods WHAT
  floods=0 asked=0 memory='' attempts_before=$(attempts)
  expect "$1: most of what is possible is done, and what is not is refused at once, not left to its deadline" \
    in_one_of_three most_is_done_and_the_rest_refused_at_once
  expect "$1: memory is bounded" memory_becomes order $((memory + 30 * 1024))
  expect "$1: a second later calls are answered as before" in_one_of_three all_is_answered_again
  expect "$1: hardly any stock stays reserved for nobody" wait_until 60 hardly_any_is_reserved
}

load --seconds 1 # makes what orders need
behind_a_slow_redis order 300
expect_it_to_bear_floods "an order service behind a slow Redis"
expect "the log tells of it in few lines" tells_of_it_in_few_lines

behind_its_redis order
behind_a_slow_redis inventory 100
expect_it_to_bear_floods "an order service with a slow inventory"
behind_its_redis inventory

burst_is_borne() {
  local before
  before=$(memory_kib customer)
  load --mode customer --in-flight 3000 --connections 60 --seconds 2
  echo "$before KiB before the burst, $(memory_kib customer) after it"
  memory_becomes customer $((before + 12 * 1024)) || { echo "$(memory_kib customer) KiB in the end" && return 1; }
}
expect "memory that a burst has needed is given back" burst_is_borne
shop_done
