#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Connections and idle streams are bounded: what is too much is refused, the rest goes on, and it is over when they are.

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

/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "no python3-grpcio here"
PATH=$ORDERSHOP_BIN:$PATH
readonly helpers=$ORDERSHOP_SOURCE/tests/acceptance

shop_prepare
redis_start
health_address=127.0.0.1:$(spare_port)

# customer_start LIMIT [VARIABLE=VALUE...]: with that limit of descriptors, as prlimit takes it (SOFT:HARD)
customer_start() {
  local limit=$1
  shift
  : >"$(log_of customer)"
  launch customer prlimit --nofile="$limit" env ORDERSHOP_LISTEN="$(address_of customer)" \
    ORDERSHOP_REDIS_URL="redis://customer@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/customer.password" ORDERSHOP_HEALTH_LISTEN="$health_address" \
    "$@" "$ORDERSHOP_BIN/ordershop-customer"
  wait_for_serving customer
}

# Whether it is ready, as its listener for probes says.
is_ready() { ORDERSHOP_HEALTH_LISTEN=$health_address ordershop-customer --check-health; }
is_not_ready() { ! is_ready; }

calls_work() { ordershop customer create --name Ada --email ada@example.com --quiet && ordershop customer list; }

# connect COUNT FROM...: idle connections; they stay until disconnect
connect() {
  : >"$(log_of connections)"
  launch connections /usr/bin/python3 "$helpers/many_connections.py" "$(port_of customer)" "$@"
  wait_until 60 test -s "$(log_of connections)"
}
disconnect() { service_stop connections; }
taken() { cat "$(log_of connections)"; }
are_taken() { [ "$(taken)" -eq "$1" ] || { taken && return 1; }; }

# logged COUNT TEXT: in so many lines of customer's log
logged() {
  local count
  count=$(grep -c -- "$2" "$(log_of customer)") || true
  say "$count lines with '$2'"
  [ "$count" -eq "$1" ]
}

# --- More connections than descriptors ---

customer_start 64:64
connect 80 127.0.0.1 127.0.0.2 127.0.0.3
expect "of 80 connections those are taken that there are descriptors for" are_taken 24
expect "the service is not ready then" wait_until 60 is_not_ready
expect "it says so once" wait_until 30 logged 1 'message="new connections are refused"'
disconnect
expect "when they have gone calls work again" wait_until 60 calls_work
expect "the service is ready again" wait_until 60 is_ready
expect "it says so once" wait_until 30 logged 1 'message="new connections are taken again"'
for _ in 1 2 3; do
  connect 80 127.0.0.1 127.0.0.2 127.0.0.3
  disconnect
done
expect "it bears them again and again" wait_until 60 calls_work
service_stop customer

customer_start 64:1024
connect 80 127.0.0.1 127.0.0.2 127.0.0.3
expect "the limit of descriptors is raised as far as it may be" are_taken 80
expect "the service is ready with them" is_ready
expect "and calls work" calls_work
disconnect
service_stop customer

starts_with_limit() {
  ORDERSHOP_REDIS_URL=redis://127.0.0.1:1/0 prlimit --nofile="$1" ordershop-customer
}
expect "a limit that leaves too few is said at the start" \
  ends_with 1 'ulimit -n) is 40: at least' starts_with_limit 40:40

# --- Connections of one client ---

customer_start 1024:1024 ORDERSHOP_CONNECTIONS=20 ORDERSHOP_CONNECTIONS_PER_ADDRESS=12
connect 18 127.0.0.2
expect "one client gets no more than its share" are_taken 12
expect "others' calls work meanwhile" calls_work
expect "and the service is ready" is_ready
expect "that a client is refused is said once" wait_until 30 logged 1 'new connections of one client are refused.*127\.0\.0\.2'
disconnect

# --- Idle streams ---

kilobytes() { awk '$1 == "VmRSS:" { print $2 }' "/proc/${shop_pid[customer]}/status"; }

open_streams() {
  launch streams /usr/bin/python3 "$helpers/idle_streams.py" "$(address_of customer)"
  wait_until 120 grep -q '^all have answered' "$(log_of streams)"
}

refused_are_told_why() {
  cat "$(log_of streams)"
  [ "$(grep -cvE '^[0-9]+ open$|^all have' "$(log_of streams)")" -eq 1 ] &&
    grep -q 'RESOURCE_EXHAUSTED There are too many open streams' "$(log_of streams)"
}

# A sanitized build keeps what was freed for a while: it is slow, and large.
memory_has_grown_by_at_most() { # MIB
  local grown=$((($(kilobytes) - before) / 1024))
  say "$grown MiB"
  [ "$grown" -le $(($1 * shop_slowness * shop_slowness)) ]
}

before=$(kilobytes)
expect "five connections with a thousand idle streams each are answered" open_streams
expect "few of the streams stay open" grep -q '^80 open$' "$(log_of streams)"
expect "the others are told why not" refused_are_told_why
expect "calls work meanwhile" calls_work
expect "Check works meanwhile" ordershop health customer
expect "the service is ready meanwhile" is_ready
expect "they cost little memory" memory_has_grown_by_at_most 40
expect "that streams are refused is said once" wait_until 30 logged 1 'streams are refused'
service_stop streams
expect "a watch is taken when they have gone" wait_until 60 ordershop health customer
service_stop customer
shop_done
