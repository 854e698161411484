#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# All seven services under valgrind's memcheck: start, demo, mistakes, a caller who is cut off, stop. No error, nothing
# definitely lost.

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

command -v valgrind >/dev/null || skip "no valgrind"
# what ASan takes at start, valgrind has not
if nm -D "$ORDERSHOP_BIN/ordershop-customer" 2>/dev/null | grep __asan_init >/dev/null; then
  skip "a sanitized build, to which valgrind is not applicable"
fi

readonly error_status=99

# Most of the time is that of seven starts: valgrind translates the code of gRPC's start again for each.
start_checked() {
  launch "$1" env -u ORDERSHOP_SOURCE -u ORDERSHOP_BIN -u ORDERSHOP_REQUIRE_TOOLS -u MALLOC_PERTURB_ \
    ORDERSHOP_LISTEN="$(address_of "$1")" ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_MAIL_FOLDER="$shop_folder/mail" ORDERSHOP_EVENT_FOLDER="$shop_folder/event" \
    valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --error-exitcode=$error_status --num-callers=30 "$ORDERSHOP_BIN/ordershop-$1"
}

client() { "$ORDERSHOP_BIN/ordershop" --timeout 60 "$@"; }

plays_the_demo() { client demo; }

field() { sed -n "s/^ *\"$1\": \"\([^\"]*\)\",\{0,1\}\$/\1/p" | sed -n 1p; }

# make NOUN VERB FLAG...: the id of what it made
make() { client "$@" --json | field id; }

# What the demo leaves out.
changes_and_deletes_everything() {
  local customer product stock order billing mail
  customer=$(make customer create --name Ada --email ada@example.com) &&
    product=$(make product create --name Kettle --price 12.34) &&
    stock=$(make inventory create --product "$product" --amount 5) &&
    order=$(make order create --customer "$customer" --product "$product") &&
    client customer update "$customer" --name Bea && client customer update "$customer" --name Bea &&
    client product update "$product" --price 13 && client inventory update "$stock" --amount 9 &&
    client inventory adjust --product "$product" --delta -2 &&
    client order update "$order" --product "$product" --product "$product" &&
    billing=$(make billing create --order "$order") && refused order delete "$order" &&
    client billing get "$billing" && client billing list && client billing delete "$billing" &&
    client crm profile "$customer" && client crm interactions --customer "$customer" &&
    client order delete "$order" && client inventory delete "$stock" && client product delete "$product" &&
    client customer delete "$customer" && refused customer get "$customer" &&
    mail=$(make mail send --to ada@example.com --subject Hello) && client mail get "$mail" &&
    client mail list --to ada@example.com
}

# refused COMMAND...: the shop says no (exit status 1)
refused() {
  local status=0
  client "$@" || status=$?
  [ "$status" -eq 1 ]
}

refuses_mistakes() {
  refused customer create --name ' ' --email nobody && refused customer get 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 &&
    refused order create --customer 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 --product x &&
    refused billing create --order 8f14e45f-ceea-467f-a8b1-3c6f0d2e7b11 && refused mail get x
}

# Answers that nobody waits for any more, and bytes that are no HTTP/2.
bears_callers_that_go_away() {
  for _ in $(seq 20); do
    timeout -s KILL 0.05 "$ORDERSHOP_BIN/ordershop" order list || true
    head -c 2000 /dev/urandom >"/dev/tcp/127.0.0.1/$(port_of order)" || true
  done 2>/dev/null
  client order list
}

survives_an_outage_of_redis() {
  redis_stop
  client customer list && return 1
  redis_start
  wait_until 60 serve "${shop_services[@]}" && client customer list
}

ends_without_an_error() { # SERVICE
  kill -TERM "${shop_pid[$1]}"
  await_end "$1" 60
  grep -A 40 '^==' "$(log_of "$1")" | head -n 80 || true
  [ "$shop_status" -eq 0 ]
}

shop_prepare
redis_start
for service in "${shop_services[@]}"; do start_checked "$service"; done
expect "all services start" wait_until 120 serve "${shop_services[@]}"
expect "the demo is played" plays_the_demo
expect "everything is changed and deleted" changes_and_deletes_everything
expect "mistakes are refused" refuses_mistakes
expect "callers go away" bears_callers_that_go_away
expect "Redis is away and comes back" survives_an_outage_of_redis
for service in "${shop_services[@]}"; do
  expect "valgrind finds nothing in $service" ends_without_an_error "$service"
done
shop_done
