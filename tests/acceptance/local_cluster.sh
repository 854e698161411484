#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# up.sh --redis cluster: a shop in a cluster of three masters, over which its services spread, each with a hash tag of its own;
# it goes on where it was when it is started again.

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
# Of the twenty ports the services have those up to the eighth, the gateway the base itself, and Redis' begin with the twelfth.
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base ORDERSHOP_REDIS_PORT=$((shop_port_base + 12))
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

# The part that has the slot of that service's tag.
master_of() { # master_of SERVICE
  local port
  port=$(cli --service "$1" INFO server | tr -d '\r' | sed -n 's/^tcp_port://p')
  case $((port - ORDERSHOP_REDIS_PORT)) in
  0) echo redis ;;
  1) echo redis-2 ;;
  2) echo redis-3 ;;
  esac
}

# Each has its own events behind its own tag, and no others'.
has_own_events() { # has_own_events OWNER ENTITY
  local streams
  streams=$(cli --service "$1" --scan --pattern "{$1}:events:*")
  printf '%s\n' "$streams"
  [ -n "$streams" ] && ! grep -v "^{$1}:events:$2_" <<<"$streams"
}
each_has_own_events() {
  local owner
  for owner in customer product inventory order billing mail; do has_own_events "$owner" "$owner" || return 1; done
  has_own_events crm interaction
}
no_key_is_without_a_tag() {
  local owner keys
  for owner in customer product order; do # one on each master
    keys=$(cli --service "$owner" --scan)
    [ -n "$keys" ] && ! grep -vE '^\{(customer|product|inventory|order|billing|crm|mail)\}:' <<<"$keys" || return 1
  done
}
are_at() { # are_at PART SERVICE...
  local service
  for service in "${@:2}"; do [ "$(master_of "$service")" = "$1" ] || return 1; done
}

order_one() { "$ORDERSHOP_BIN/ordershop" order create --customer "$customer" --product "$product" --quiet; }
has_mails() { [ "$("$ORDERSHOP_BIN/ordershop" mail list --to ada@example.com --json --all | grep -c '"subject"')" = "$1" ]; }
has_lag() { # has_lag SERVICE LAG
  { "$scripts/status.sh" || true; } | awk -v part="$1" -v lag="$2" '$1 == part { found = $6 == lag } END { exit !found }'
}

nothing_runs() {
  local port
  [ -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid')" ] || return 1
  for port in 0 1 2 3 4 5; do port_is_free $((ORDERSHOP_REDIS_PORT + port)) || return 1; done
}

expect "a shop starts in a cluster" up --redis cluster
customer=$(new_customer ada)
product=$("$ORDERSHOP_BIN/ordershop" product create --name Kettle --price 1.00 --quiet)
"$ORDERSHOP_BIN/ordershop" stock create --product "$product" --amount 10 >/dev/null
order=$(order_one)
"$ORDERSHOP_BIN/ordershop" billing create --order "$order" >/dev/null
expect "what one service does leads to what others do" wait_until 60 has_mails 4
expect "each has its own events behind its own hash tag, and no others'" each_has_own_events
expect "no key is without a tag" no_key_is_without_a_tag
expect "services spread over the masters" are_at redis customer crm mail
expect "by their slots" are_at redis-2 product inventory billing
expect "the busiest apart" are_at redis-3 order
expect "who is at a master is found without its name" ends_with 0 '^1$' cli XLEN '{order}:events:order_created'
expect "a service is led to its own" ends_with 0 '^[0-9]' cli --as crm HGET '{crm}:crm_position' log:order
expect "and may not write behind another's" ends_with 0 'NOPERM' cli --as crm SET '{order}:order_x' 1
expect "status.sh finds that crm has handled all events" wait_until 60 has_lag crm 0
expect "there are three masters" ends_with 0 'cluster_size:3' cli CLUSTER INFO
kill -KILL "$(pid_of "$(master_of order)")"
expect "others go on without a master" new_customer hopper
expect "one that was killed is started again" up redis
expect "and orders are made again" wait_until 60 order_one
expect "all of it stops" "$scripts/down.sh"
expect "nothing is left" nothing_runs
expect "with its data it becomes nothing else" ends_with 1 'choose another ORDERSHOP_HOME' up --redis single redis
expect "it starts as it was last" up
expect "with what was there" lists ada hopper
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
