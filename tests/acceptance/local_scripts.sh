#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/local/up.sh, down.sh and status.sh: a shop of their own, with the executables of the test build.

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
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT

all_down() { "$scripts/down.sh" >/dev/null 2>&1; }
shop_at_end+=(all_down)

redis() { "$scripts/redis-cli.sh" "$@"; }
up() { "$scripts/up.sh" --no-install "$@"; }
down() { "$scripts/down.sh" "$@"; }
pid_of() { cat "$ORDERSHOP_HOME/run/$1.pid"; }
all_pids() { cat "$ORDERSHOP_HOME"/run/*.pid; }

status_of() { # status_of PART COLUMN
  { "$scripts/status.sh" || true; } | awk -v part="$1" -v column="$2" '$1 == part { print $column; exit }'
}

part_is() { # part_is PART 'PROCESS HEALTH'
  local is
  is=$({ "$scripts/status.sh" || true; } | awk -v part="$1" '$1 == part { print $4, $5; exit }')
  echo "$1 is $is"
  [ "$is" = "$2" ]
}

has_lag() { [ "$(status_of "$1" 6)" = "$2" ]; }

redis_says() { # redis_says SETTING VALUE
  [ "$(redis config get "$1" | sed -n 2p)" = "$2" ]
}

expect "an unknown service is refused in one sentence" ends_with 2 "there is no service 'cashier'" up cashier
expect "a port that is none is refused" ends_with 2 ORDERSHOP_PORT_BASE env ORDERSHOP_PORT_BASE=x "$scripts/up.sh"
expect "Redis on a service's port is refused" ends_with 1 "one of the services' ports" \
  env ORDERSHOP_REDIS_PORT=$((shop_port_base + 5)) "$scripts/up.sh" --no-install
expect "there is help" ends_with 0 ORDERSHOP_HOME up --help
expect "before the first start nothing runs, which is no mistake" ends_with 0 "Nothing" down
expect "a service without Redis is not started, and says what to do" ends_with 1 "up.sh redis" up customer
says_so_before_it_builds() {
  ends_with 1 "up.sh redis" env -u ORDERSHOP_BIN ORDERSHOP_BUILD="$shop_folder/build" "$scripts/up.sh" --no-install customer order &&
    [ ! -e "$shop_folder/build" ]
}
expect "it says so before it builds" says_so_before_it_builds

expect "everything starts" ends_with 0 "ORDERSHOP_HOME=$ORDERSHOP_HOME .*redis-cli.sh XRANGE" up
expect "the demo was played" test -e "$ORDERSHOP_HOME/demo-played"
expect "status.sh finds that all run and serve" ends_with 0 SERVING "$scripts/status.sh"
expect "Redis syncs every write" redis_says appendfsync always
expect "Redis keeps its data in the shop's folder" redis_says dir "$ORDERSHOP_HOME/redis"
expect "Redis listens on loopback only" redis_says bind 127.0.0.1
expect "its password for replicas is for its owner only" test "$(stat -c %a "$ORDERSHOP_HOME/redis/redis.conf")" = 600

before=$(all_pids)
console_is_at_the_last_line() {
  local address
  address=$(up 2>&1 | tail -n 1)
  [[ $address == '  http://localhost:'* ]] && curl -sSf "${address#  }/" | grep '<title>OrderShop</title>' &&
    curl -sSf "${address#  }/status" | jq -e '[.services[].status.ready] | length == 8 and all'
}
expect "its last line is the console's address, where it is" console_is_at_the_last_line
expect "a second start is harmless" ends_with 0 "redis runs already" up
expect "and has started nothing anew" test "$(all_pids)" = "$before"
expect "nor played the demo again" test "$(grep -c 'Playing the demo' <(up 2>&1))" = 0

customers=$(redis scard customer_ids)
expect "the demo has left customers" test "$customers" -gt 0
expect "one service stops" down crm
expect "the others stay up" part_is order "running SERVING"
expect "it is stopped" part_is crm "stopped UNREACHABLE"
expect "status.sh says so by its exit status" ends_with 1 stopped "$scripts/status.sh"
create_customer() { "$ORDERSHOP_BIN/ordershop" customer create --name "Late Comer" --email late@example.com; }
expect "a customer is created meanwhile" create_customer
customers=$((customers + 1))
expect "which status.sh tells as crm's lag" test "$(status_of crm 6)" = 1
expect "mail, which listens to itself, has no lag" wait_until 60 has_lag mail 0
expect "it starts again alone" up crm
expect "and serves" part_is crm "running SERVING"
expect "and catches up" wait_until 60 has_lag crm 0

sleep 1000 &
stranger=$!
down mail >/dev/null
echo $stranger >"$ORDERSHOP_HOME/run/mail.pid"
expect "a pid file that names somebody else's process is no matter" down mail
expect "that process lives" kill -0 $stranger
kill $stranger

# What runs, but is no good any more, is started anew: the reason is said.
pid_of_customer_has_changed() { [ "$(pid_of customer)" != "$frozen" ]; }
frozen=$(pid_of customer)
kill -STOP "$frozen"
expect "a service that a signal has stopped is told" part_is customer "FROZEN UNREACHABLE"
expect "and started anew" ends_with 0 "customer is stopped by a signal (SIGSTOP). Starting customer anew" up customer
expect "as another process" pid_of_customer_has_changed
kill -STOP "$(pid_of redis)"
expect "a service says so when Redis is frozen" ends_with 1 "does not answer; start it first: up.sh redis" up customer
expect "Redis, too, is started anew" ends_with 0 "redis is stopped by a signal" up redis
kill -STOP "$(pid_of product)"
expect "down.sh ends what a signal has stopped" ends_with 0 "product has stopped" down product
up product >/dev/null

mkdir "$shop_folder/bin"
cp "$ORDERSHOP_BIN"/ordershop* "$shop_folder/bin/"
export ORDERSHOP_BIN=$shop_folder/bin
expect "a service of another build is started anew" ends_with 0 "customer runs from another build" up customer
rebuild() { cp "$ORDERSHOP_BIN/ordershop-$1" "$ORDERSHOP_BIN/new" && mv "$ORDERSHOP_BIN/new" "$ORDERSHOP_BIN/ordershop-$1"; }
rebuild customer
expect "likewise when its file is another one by now" ends_with 0 "customer runs from another build" up customer
expect "once" ends_with 0 "customer runs already" up customer

# A log that lost its tail: crm waits for an operator.
epoch=$(redis hget crm_position epoch)
redis --as crm hset crm_position epoch another >/dev/null
expect "a service that waits for an operator is told, with its reason" ends_with 1 "^crm is not ready: the log was reset" up crm
expect "and goes on running" part_is crm "running NOT_SERVING"
expect "status.sh tells the reason" ends_with 1 "^crm is not ready: the log was reset" "$scripts/status.sh"
rebuild crm
expect "of another build it is started anew, and the reason told" ends_with 1 "crm runs from another build" up crm
expect "by every start" ends_with 1 "until you decide" up crm
redis --as crm hset crm_position epoch "$epoch" >/dev/null
expect "when it has been decided it serves" wait_until 60 part_is crm "running SERVING"

kill -KILL "$(pid_of billing)"
wait_until 60 part_is billing "DIED UNREACHABLE"
expect "a service that died is told" part_is billing "DIED UNREACHABLE"

down redis >/dev/null
expect "everything starts where it is missing: Redis, billing, mail" up
expect "what was acknowledged is there" test "$(redis scard customer_ids)" = "$customers"

down product mail >/dev/null
/usr/bin/python3 -c 'import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)' "$(port_of mail)" &
squatter=$!
wait_until 60 eval "! port_is_free $(port_of mail)"
expect "a port that is taken is told, and by whom" ends_with 1 "port $(port_of mail), which mail needs, is taken by python3" up
kill $squatter
wait $squatter 2>/dev/null || true

expect "a setting that does not parse is told" ends_with 1 LOG_LEVEL env ORDERSHOP_LOG_LEVEL=loud "$scripts/up.sh" --no-install
expect "and what that run has started is stopped again" part_is product "stopped UNREACHABLE"
expect "but not what ran before" part_is customer "running SERVING"

up >"$shop_folder/first" 2>&1 &
first=$!
expect "two starts at once get along" up
expect "both of them" wait $first

expect "everything stops" ends_with 0 "redis has stopped" down
expect "and nothing is left" test -z "$(find "$ORDERSHOP_HOME/run" -name '*.pid')"
expect "stopping again is harmless" ends_with 0 "Nothing to stop" down
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
