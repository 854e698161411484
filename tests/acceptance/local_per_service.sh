#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# up.sh --redis per-service: a shop in which each service has a Redis of its own, on one machine; it goes on when one of these dies.

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
client() { "$ORDERSHOP_BIN/ordershop" "$@"; }

part_is() { # part_is PART 'PROCESS HEALTH'
  local is
  is=$({ "$scripts/status.sh" || true; } | awk -v part="$1" '$1 == part { print $4, $5; exit }')
  echo "$1 is $is"
  [ "$is" = "$2" ]
}
has_lag() { # has_lag SERVICE LAG
  { "$scripts/status.sh" || true; } | awk -v part="$1" -v lag="$2" '$1 == part { found = $6 == lag } END { exit !found }'
}

# The Redis of the owner has events of its entities and of no others.
has_own_events() { # has_own_events OWNER ENTITY
  local streams
  streams=$(cli --service "$1" --scan --pattern 'events:*')
  printf '%s\n' "$streams"
  [ -n "$streams" ] && ! grep -v "^events:$2_" <<<"$streams"
}
each_has_own_events() {
  local owner
  for owner in customer product inventory order billing mail; do has_own_events "$owner" "$owner" || return 1; done
  has_own_events crm interaction
}

# Nobody has a password for a Redis that he does not need.
users_are() { # users_are OWNER USER...
  local user is
  is=$(for user in "$ORDERSHOP_HOME/redis/users-$1"/*.password; do basename "$user" .password; done |
    grep -vxE 'operator|replica|sentinel|member' | paste -sd ' ')
  echo "$is"
  [ "$is" = "${*:2}" ]
}

order_one() { client order create --customer "$customer" --product "$product" --quiet; }
mails() { client mail list --to ada@example.com --json --all | grep -c '"subject"'; }
has_mails() { [ "$(mails)" = "$1" ]; }

nothing_runs() {
  local port
  [ -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid')" ] || return 1
  for port in 0 1 2 3 4 5 6; do port_is_free $((ORDERSHOP_REDIS_PORT + port)) || return 1; done
}

expect "a shop starts with a Redis for each service" ends_with 0 "redis of mail answers" up --redis per-service
customer=$(client customer create --name Ada --email ada@example.com --quiet)
product=$(client product create --name Kettle --price 1.00 --quiet)
client stock create --product "$product" --amount 10 >/dev/null
order=$(order_one)
client billing create --order "$order" >/dev/null
expect "what one service does leads to what others do" wait_until 60 has_mails 4
expect "each has its own events, and no others'" each_has_own_events
expect "in a Redis are the users who need it" users_are order billing crm event inventory order
expect "and no others" users_are product event inventory order product
expect "status.sh finds that all run and serve" ends_with 0 "redis-mail .* answers" "$scripts/status.sh"
expect "and that crm has handled all events" wait_until 60 has_lag crm 0
expect "redis-cli.sh wants to know whose Redis is meant" ends_with 2 "each service has a Redis of its own" cli XLEN events:order_created
expect "and asks that" ends_with 0 '^1$' cli --service order XLEN events:order_created
expect "a service is led to its own" ends_with 0 '^[0-9]' cli --as crm HGET crm_position log:order
expect "another service's can be named" ends_with 0 'NOPERM' cli --as crm --service order GET "order_entity:$order"
expect "a service that there is none of is refused" ends_with 2 "--service needs one of" cli --service cashier PING

kill -KILL "$(pid_of redis-order)"
expect "a Redis that died is told" part_is redis-order "DIED silent"
expect "as is who lacks it" ends_with 1 "order is not ready" "$scripts/status.sh"
expect "others go on" client product create --name Teapot --price 2.00
expect "it is started again" up redis
expect "and orders are made again" wait_until 60 order_one
kill -STOP "$(pid_of redis-mail)"
expect "one that a signal has stopped is started anew" ends_with 0 "redis-mail is stopped by a signal" up redis
expect "all of it stops" "$scripts/down.sh"
expect "nothing is left" nothing_runs
expect "with its data it becomes nothing else" ends_with 1 'choose another ORDERSHOP_HOME' up --redis single redis
expect "it starts as it was last" up
expect "with what was there" has_own_events billing billing
expect "and each mail once" has_mails 6
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
