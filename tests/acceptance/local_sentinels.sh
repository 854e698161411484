#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# up.sh --redis sentinel: a shop whose Redis may be killed, and that goes on; what is stopped and started again goes on where
# it was.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests scripts"

scripts=$ORDERSHOP_SOURCE/deploy/local
reserve_ports
# Of the twenty ports the last five are nobody's but Redis' here: only customer is started.
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base ORDERSHOP_REDIS_PORT=$((shop_port_base + 14))

all_down() { "$scripts/down.sh" >/dev/null 2>&1; }
shop_at_end+=(all_down)

up() { "$scripts/up.sh" --no-install --no-demo "$@"; }
pid_of() { cat "$ORDERSHOP_HOME/run/$1.pid"; }
cli() { "$scripts/redis-cli.sh" "$@"; }

new_customer() { # new_customer NAME
  "$ORDERSHOP_BIN/ordershop" customer create --name "$1" --email "$1@example.com" --quiet
}
lists() { # lists NAME...
  local name list
  list=$("$ORDERSHOP_BIN/ordershop" customer list)
  printf '%s\n' "$list"
  for name; do [[ $list == *"$name@example.com"* ]] || return 1; done
}

master_port() {
  redis-cli -p $((ORDERSHOP_REDIS_PORT + 2)) sentinel get-master-addr-by-name shop | tail -n 1
}
master_is_at() { [ "$(master_port)" = "$1" ]; }
has_replica() { [[ $(cli info replication 2>/dev/null) == *state=online* ]]; }

# Where nothing is left over, not even a sentinel.
nothing_runs() {
  local port
  [ -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid')" ] || return 1
  for port in 0 1 2 3 4; do port_is_free $((ORDERSHOP_REDIS_PORT + port)) || return 1; done
}

expect "an arrangement that there is none of is refused" ends_with 2 "--redis is single, sentinel, cluster or per-service" up --redis many
expect "a shop starts with a replica and three sentinels" up --redis sentinel redis customer
expect "and works" new_customer ada
expect "it can't be arranged anew while it runs" ends_with 1 "stop the shop (down.sh)" up --redis single redis
kill -KILL "$(pid_of redis)"
expect "another Redis takes over from one that is killed" wait_until 30 master_is_at $((ORDERSHOP_REDIS_PORT + 1))
expect "and the shop goes on" wait_until 30 new_customer grace
expect "with what was there" lists ada grace
expect "the scripts ask the new one" ends_with 0 "role:master" cli info replication
expect "the killed one is started again" up redis
expect "as a replica" wait_until 30 has_replica
expect "all of it stops" "$scripts/down.sh"
expect "nothing is left" nothing_runs
expect "it is not a single Redis while the master is the other one" ends_with 1 "the master is at port" up --redis single redis
expect "it starts as it was last" up redis customer
expect "with the same master and what was there" lists ada grace
expect "which is the other one" master_is_at $((ORDERSHOP_REDIS_PORT + 1))
kill -KILL "$(pid_of sentinel-2)"
expect "a sentinel that was killed is started again" up redis
expect "and runs" kill -0 "$(pid_of sentinel-2)"
kill -KILL "$(pid_of redis)" "$(pid_of redis-replica)"
expect "what runs beside a Redis that was killed stops, too" "$scripts/down.sh"
expect "nothing is left again" nothing_runs
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
