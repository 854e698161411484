#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A shop for arrangements.py, which tells what the arrangements are: starts it, says `ready`, and then for each line of its
# standard input, a number of seconds, calls CreateOrder for so long, waits until everything that follows is done, and prints
# `CPU before | what was called | CPU after` as NAME=N. It ends with its input.
#
#   arrangement_shop.sh one|seven|replica|tls
#
# ORDERSHOP_SOURCE, ORDERSHOP_BIN: as for the suites of tests.

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

readonly arrangement=$1
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/apart.sh
. "$ORDERSHOP_SOURCE/tests/lib/apart.sh"
if [ "$arrangement" = tls ]; then
  # shellcheck source-path=SCRIPTDIR source=../lib/tls_redis.sh
  . "$ORDERSHOP_SOURCE/tests/lib/tls_redis.sh"
fi

redis_of() { # redis_of OWNER ARGUMENT...: asks the Redis that has what OWNER owns
  if [ "$arrangement" = seven ]; then apart_redis "$@"; else redis "${@:2}"; fi
}

replica_follows() { [[ $(redis-cli -h 127.0.0.1 -p "$(spare_port)" INFO replication) == *master_link_status:up* ]]; }
start_replica() {
  mkdir "$shop_folder/redis-replica"
  launch redis-replica redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 \
    --port "$(spare_port)" --dir "$shop_folder/redis-replica" --replicaof 127.0.0.1 "$(port_of redis)"
  wait_until 60 replica_follows || fail "the replica does not follow"
}

start_apart() {
  local name
  make_users # for the one Redis that a service might have beside these
  for name in "${shop_owners[@]}"; do apart_redis_start "$name" || fail "the Redis of $name does not answer"; done
  for name in "${shop_owners[@]}"; do apart_service_start "$name"; done
}

start_together() {
  local name
  redis_start
  if [ "$arrangement" = replica ]; then
    start_replica
    export ORDERSHOP_REDIS_REPLICAS=1
  fi
  for name in "${shop_owners[@]}"; do service_start "$name"; done
}

all_is_done() {
  [ "$(redis_of mail XLEN events:mail_updated)" -ge $((2 * $(redis_of order ZCARD order_by_creation))) ]
}

cpu_us() { awk -v tick="$(getconf CLK_TCK)" '{ printf "%.0f", ($14 + $15) * 1000000 / tick }' "$1"; }

# Prints microseconds of CPU of each process, as NAME=N, and of the thread of each Redis that carries out commands.
say_cpu() {
  local name
  for name in "${!shop_pid[@]}"; do
    [ -n "${shop_pid[$name]}" ] || continue
    printf '%s=%s ' "$name" "$(cpu_us "/proc/${shop_pid[$name]}/stat")"
    [[ $name != redis* ]] || printf 'thread-of-%s=%s ' "$name" "$(cpu_us "/proc/${shop_pid[$name]}/task/${shop_pid[$name]}/stat")"
  done
}

call_orders() { # call_orders SECONDS: prints what happened as NAME=N
  local begin end report calls
  report=$("$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --warm-up 0 --seconds "$1" --json)
  begin=$EPOCHREALTIME
  wait_until 300 all_is_done || fail "not all mails are sent"
  end=$EPOCHREALTIME
  calls=$(jq -r '[.. | .calls? // empty][0]' <<<"$report")
  printf 'calls=%s seconds=%s more_us=%s ' "$calls" "$1" $((${end/./} - ${begin/./}))
}

shop_prepare
if [ "$arrangement" = seven ]; then start_apart; else start_together; fi
wait_for_serving "${shop_owners[@]}"
call_orders 1 >/dev/null # makes what orders need
say ready
while read -r seconds; do say "$(say_cpu)| $(call_orders "$seconds")| $(say_cpu)"; done
