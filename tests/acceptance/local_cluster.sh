#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# up.sh --redis cluster: a shop in a cluster of three masters, which goes on where it was when it is started again.

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
# Of the twenty ports the last six are nobody's but Redis' here: only customer is started.
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base ORDERSHOP_REDIS_PORT=$((shop_port_base + 14))
unset ORDERSHOP_KEY_PREFIX

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

# The part that has the shop's slot: that which the scripts are led to.
owner() {
  local port
  port=$(cli INFO server | tr -d '\r' | sed -n 's/^tcp_port://p')
  case $((port - ORDERSHOP_REDIS_PORT)) in
  0) echo redis ;;
  1) echo redis-2 ;;
  2) echo redis-3 ;;
  esac
}
nothing_runs() {
  local port
  [ -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid')" ] || return 1
  for port in 0 1 2 3 4 5; do port_is_free $((ORDERSHOP_REDIS_PORT + port)) || return 1; done
}

expect "a shop starts in a cluster" up --redis cluster redis customer
expect "and works" new_customer ada
expect "its keys are in one slot" ends_with 0 '^[1-9]' cli XLEN '{shop}:events:customer_created'
expect "whose master is one of three" ends_with 0 'cluster_size:3' cli CLUSTER INFO
kill -KILL "$(pid_of "$(owner)")"
expect "a master that was killed is started again" up redis
expect "and the shop goes on" wait_until 30 new_customer grace
expect "all of it stops" "$scripts/down.sh"
expect "nothing is left" nothing_runs
expect "with its data it becomes nothing else" ends_with 1 'choose another ORDERSHOP_HOME' up --redis single redis
expect "it starts as it was last" up redis customer
expect "with what was there" lists ada grace
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
