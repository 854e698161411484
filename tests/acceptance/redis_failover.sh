#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/failover_server.sh, failover_sentinel.sh and hand_over.sh: three servers and three sentinels, which speak TLS
# only, with their shipped users. What was acknowledged is there after the master has handed over, was killed and has lost
# its disk.

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

# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests scripts"
# shellcheck source-path=SCRIPTDIR source=../lib/tls_redis.sh
. "$ORDERSHOP_SOURCE/tests/lib/tls_redis.sh"

scripts=$ORDERSHOP_SOURCE/deploy/redis
shop_prepare

# server-1, sentinel-1 and so on, each at a port of its own
place_of() {
  case $1 in
  server-*) echo "localhost:$((shop_port_base + 10 + ${1##*-}))" ;;
  sentinel-*) echo "localhost:$((shop_port_base + 13 + ${1##*-}))" ;;
  esac
}
places_of() { echo "$(place_of "$1-1"),$(place_of "$1-2"),$(place_of "$1-3")"; }

script_of() { (exec_script "$@"); }
exec_script() { # exec_script SCRIPT NAME ARGUMENT...
  export ORDERSHOP_FAILOVER_SERVERS ORDERSHOP_FAILOVER_SENTINELS ORDERSHOP_FAILOVER_SELF
  ORDERSHOP_FAILOVER_SERVERS=$(places_of server) ORDERSHOP_FAILOVER_SENTINELS=$(places_of sentinel)
  ORDERSHOP_FAILOVER_SELF=$(place_of "$2")
  exec env ORDERSHOP_FAILOVER_USERS="$shop_folder/users" ORDERSHOP_FAILOVER_TLS="$shop_folder/tls" "$scripts/$1" "${@:3}"
}
start() { # start NAME
  mkdir -p "$shop_folder/$1"
  launch "$1" exec_script "failover_${1%-*}.sh" "$1" "$shop_folder/$1"
}
kill_server() {
  kill -KILL "${shop_pid[$1]}"
  await_end "$1" 60
}

ask() { # ask USER NAME ARGUMENT...
  local place
  place=$(place_of "$2")
  REDISCLI_AUTH=$(<"$shop_folder/users/$1.password") timeout 5 redis-cli "${shop_redis_cli[@]}" --no-auth-warning \
    -h localhost -p "${place##*:}" --user "$1" "${@:3}" </dev/null
}
is_master() { [[ $(ask member "$1" ROLE) == master* ]]; }
# NAME of the server that sentinels tell
master_of_sentinels() {
  local port
  port=$(ask customer sentinel-1 SENTINEL GET-MASTER-ADDR-BY-NAME shop | tail -n 1)
  echo "server-$((port - shop_port_base - 10))"
}
follows_another() { follows "$1" "$(master_of_sentinels)"; }
follows() { [[ $(ask member "$1" INFO replication) == *master_port:"$(place_of "$2" | cut -d : -f 2)"*master_link_status:up* ]]; }
sentinels_can_fail_over() {
  local name
  for name in sentinel-1 sentinel-2 sentinel-3; do
    [[ $(ask operator "$name" SENTINEL CKQUORUM shop) == "OK 3 usable Sentinels"* ]] || return 1
    [[ $(ask operator "$name" SENTINEL REPLICAS shop | grep -c '^name$') -eq 2 ]] || return 1
  done
}
log_says() { grep -q "$2" "$(log_of "$1")"; }

create() { "$ORDERSHOP_BIN/ordershop" --timeout 60 customer create --name Ada --email "$1@example.com" --quiet; }
# Customers one after the other until `writing` is gone; what was acknowledged is listed in `written`.
write_customers() {
  local number=0
  while [ -e "$shop_folder/writing" ]; do
    number=$((number + 1))
    "$ORDERSHOP_BIN/ordershop" --timeout 2 customer create --name Ada --email "w$number@example.com" --quiet \
      >>"$shop_folder/written" 2>>"$shop_folder/refused" || true
  done
}
enough_are_acknowledged() { [ "$(wc -l <"$shop_folder/written")" -gt 10 ]; }
nothing_is_lost() {
  local lost
  wait_until 60 enough_are_acknowledged || return 1
  rm "$shop_folder/writing"
  await_end writer 60
  "$ORDERSHOP_BIN/ordershop" --timeout 60 --json customer list --all | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | sort >"$shop_folder/listed"
  lost=$(sort "$shop_folder/written" | comm -23 - "$shop_folder/listed" | wc -l)
  say "$(wc -l <"$shop_folder/written") acknowledged, $(wc -l <"$shop_folder/refused") lines of refusals, $lost lost"
  [ "$lost" -eq 0 ]
}

mkdir "$shop_folder/tls"
for file in trusted.crt redis.crt redis.key; do cp "$redis_tls/$file" "$shop_folder/tls"; done
mv "$shop_folder/tls/trusted.crt" "$shop_folder/tls/ca.crt"
mv "$shop_folder/tls/redis.crt" "$shop_folder/tls/tls.crt"
mv "$shop_folder/tls/redis.key" "$shop_folder/tls/tls.key"
"$scripts/make_users.sh" "$shop_folder/users"

expect "without its settings it says what it lacks" ends_with 2 'ORDERSHOP_FAILOVER_SELF is not set' \
  "$scripts/failover_server.sh" "$shop_folder"
start server-1
expect "the first server is no master before the others say that they are empty" wait_until 30 log_says server-1 'waits for them'
start server-2
start server-3
expect "then it is" wait_until 30 is_master server-1
expect "the others follow" wait_until 30 follows server-3 server-1
for name in sentinel-1 sentinel-2 sentinel-3; do start $name; done
expect "the sentinels know each other and could fail over" wait_until 60 sentinels_can_fail_over

service_start customer ORDERSHOP_REDIS_URL="rediss+sentinel://customer@$(places_of sentinel)/shop" ORDERSHOP_REDIS_REPLICAS=1 \
  ORDERSHOP_REDIS_SENTINEL_USER=customer ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE="$shop_folder/users/customer.password"
wait_for_serving customer
touch "$shop_folder/writing"
launch writer write_customers

expect "the master hands over" script_of hand_over.sh server-1
expect "and follows the new one" wait_until 30 follows_another server-1
master=$(master_of_sentinels)
expect "a replica has nothing to hand over" script_of hand_over.sh server-1
expect "the shop takes orders from the new master" create after-hand-over

kill_server "$master"
rm -rf "${shop_folder:?}/$master"
start "$master"
expect "a master that has lost its disk waits for another to take over" wait_until 30 log_says "$master" 'its data is gone'
expect "and copies its data" wait_until 60 follows_another "$master"
expect "the shop goes on" create after-loss
expect "nothing that was acknowledged is lost" nothing_is_lost

kill_server "$master"
start "$master"
expect "a replica that was killed follows again" wait_until 30 follows_another "$master"
shop_done
