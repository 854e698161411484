#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/cluster_node.sh, cluster_join.sh and cluster_hand_over.sh: a cluster of three masters with a replica each, which
# speaks TLS only, with its shipped users and a hash tag for each service. What was acknowledged is there after a master has
# handed over, one has lost its disk, and all nodes have got other addresses at once.

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
readonly all_slots=(0-8191 8192-15359 15360-16383)
shop_prepare

# node-1 to node-6, each at a port of its own, with the second one six above it.
place_of() { echo "localhost:$((shop_port_base + 7 + ${1##*-}))"; }
all_places() { echo "$(place_of node-1),$(place_of node-2),$(place_of node-3),$(place_of node-4),$(place_of node-5),$(place_of node-6)"; }

script_of() { (exec_script "$@"); }
exec_script() { # exec_script SCRIPT NAME ARGUMENT...
  export ORDERSHOP_FAILOVER_SERVERS ORDERSHOP_FAILOVER_SELF
  ORDERSHOP_FAILOVER_SERVERS=$(all_places) ORDERSHOP_FAILOVER_SELF=$(place_of "$2")
  exec env ORDERSHOP_FAILOVER_USERS="$shop_folder/users" ORDERSHOP_FAILOVER_TLS="$shop_folder/tls" ORDERSHOP_CLUSTER_BUS_DISTANCE=6 \
    ORDERSHOP_CLUSTER_SLOTS="$(IFS=, && printf '%s' "${all_slots[*]}")" "$scripts/$1" "${@:3}"
}
start() { # start NAME
  mkdir -p "$shop_folder/$1"
  launch "$1" exec_script cluster_node.sh "$1" "$shop_folder/$1"
}
kill_node() {
  kill -KILL "${shop_pid[$1]}"
  await_end "$1" 60
}

ask() { # ask USER NAME ARGUMENT...
  local place
  place=$(place_of "$2")
  REDISCLI_AUTH=$(<"$shop_folder/users/$1.password") timeout 5 redis-cli "${shop_redis_cli[@]}" --no-auth-warning \
    -h localhost -p "${place##*:}" --user "$1" "${@:3}" </dev/null
}
is_master_of() { # is_master_of NAME SLOTS
  [[ $(ask member "$1" CLUSTER NODES) =~ "myself,master "[^$'\n']*" $2" ]]
}
follows() { # follows NAME MASTER
  [[ $(ask member "$1" INFO replication) == *master_port:"$(place_of "$2" | cut -d : -f 2)"*master_link_status:up* ]]
}
# On a machine that stands still for five seconds another takes over unasked, so who is what is asked for, not known.
find_master() { # find_master SLOTS: sets `master`
  for master in node-{1..6}; do
    ! is_master_of "$master" "$1" || return 0
  done
  return 1
}
find_pair() { # find_pair SLOTS: sets `master` and `replica`, which follows it
  find_master "$1" || return 1
  for replica in node-{1..6}; do
    ! follows "$replica" "$master" || return 0
  done
  return 1
}
is_anothers() { # is_anothers SLOTS NAME: do they have another master?
  find_master "$1" && [ "$master" != "$2" ]
}
follows_anew() { # follows_anew NAME SLOTS
  find_master "$2" && follows "$1" "$master"
}
all_are_well() {
  local name
  for name in node-{1..6}; do
    [[ $(ask member "$name" CLUSTER INFO) == *cluster_state:ok*cluster_slots_assigned:16384*cluster_known_nodes:6*cluster_size:3* ]] || return 1
  done
}

# Otherwise Redis crashes now and then (https://github.com/redis/redis/pull/14055).
each_announces_its_address() {
  local name
  for name in node-{1..6}; do grep -qx 'cluster-announce-ip 127.0.0.1' "$shop_folder/$name/redis.conf" || return 1; done
}

create() { # create NAME: a customer and a product, whose keys different masters have
  "$ORDERSHOP_BIN/ordershop" --timeout 60 customer create --name Ada --email "$1@example.com" --quiet &&
    "$ORDERSHOP_BIN/ordershop" --timeout 60 product create --name "$1" --price 1.00 --quiet
}
# Customers and products one after the other until `writing` is gone; what was acknowledged is listed in `written`.
write_both() {
  local number=0
  while [ -e "$shop_folder/writing" ]; do
    number=$((number + 1))
    {
      "$ORDERSHOP_BIN/ordershop" --timeout 2 customer create --name Ada --email "w$number@example.com" --quiet || true
      "$ORDERSHOP_BIN/ordershop" --timeout 2 product create --name "w$number" --price 1.00 --quiet || true
    } >>"$shop_folder/written" 2>>"$shop_folder/refused"
  done
}
list_ids() { "$ORDERSHOP_BIN/ordershop" --timeout 60 --json "$1" list --all | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p'; }
nothing_is_lost() {
  local lost
  { list_ids customer && list_ids product; } | sort >"$shop_folder/listed"
  lost=$(sort "$shop_folder/written" | comm -23 - "$shop_folder/listed" | wc -l)
  say "$(wc -l <"$shop_folder/written") acknowledged, $(wc -l <"$shop_folder/refused") lines of refusals, $lost lost"
  [ "$lost" -eq 0 ] && [ "$(wc -l <"$shop_folder/written")" -gt 10 ]
}
stop_writing() {
  rm "$shop_folder/writing"
  await_end writer 60
}

# As when all pods of a cluster are made anew: what nodes remember of each other is wrong.
all_get_other_addresses() {
  local name
  for name in node-{1..6}; do kill_node "$name"; done
  sed -i '/myself/! s/ 127\.0\.0\.1:/ 127.0.0.99:/' "$shop_folder"/node-?/nodes.conf
  for name in node-{1..6}; do start "$name"; done
}

# Each when what it has asked is answered.
stop_joining() {
  local number
  for number in 1 2 3 4 5 6; do kill -TERM "${shop_pid[join-$number]}"; done
  for number in 1 2 3 4 5 6; do await_end "join-$number" 60; done
}

mkdir "$shop_folder/tls"
for file in trusted.crt redis.crt redis.key; do cp "$redis_tls/$file" "$shop_folder/tls"; done
mv "$shop_folder/tls/trusted.crt" "$shop_folder/tls/ca.crt"
mv "$shop_folder/tls/redis.crt" "$shop_folder/tls/tls.crt"
mv "$shop_folder/tls/redis.key" "$shop_folder/tls/tls.key"
"$scripts/make_users.sh" "$shop_folder/users" --prefix '{shop}:' --each '{<service>}:'

expect "without its settings it says what it lacks" ends_with 2 'ORDERSHOP_FAILOVER_SELF is not set' \
  "$scripts/cluster_node.sh" "$shop_folder"
expect "it tells no other machine an address that leads back to that one" ends_with 1 'set ORDERSHOP_FAILOVER_ADDRESS' \
  env ORDERSHOP_FAILOVER_SERVERS=localhost:7000,redis.example.com:7000 ORDERSHOP_FAILOVER_SELF=localhost:7000 \
  ORDERSHOP_FAILOVER_USERS="$shop_folder/users" "$scripts/cluster_node.sh" "$shop_folder"
for number in 1 2 3 4 5 6; do
  start node-$number
  launch join-$number exec_script cluster_join.sh node-$number
done
expect "six nodes become a cluster" wait_until 60 all_are_well
expect "each tells the others its address, so that none takes that of a connection which may be gone" each_announces_its_address
for slots in "${all_slots[@]}"; do
  expect "the master of the slots $slots has its replica" wait_until 60 find_pair "$slots"
done
expect "who joins it once more changes nothing" script_of cluster_join.sh node-1 --once

for service in customer product; do
  service_start $service ORDERSHOP_REDIS_URL="rediss+cluster://$service@$(all_places)" ORDERSHOP_REDIS_REPLICAS=1 \
    ORDERSHOP_REDIS_REPLICAS_MISSING=warn ORDERSHOP_CUSTOMER_KEY_PREFIX='{customer}:' ORDERSHOP_PRODUCT_KEY_PREFIX='{product}:'
done
wait_for_serving customer product
touch "$shop_folder/writing"
launch writer write_both

wait_until 60 find_pair "${all_slots[0]}" || fail "the master has no replica"
handing_over=$master
expect "a master hands over" script_of cluster_hand_over.sh "$handing_over"
expect "to its replica" wait_until 30 is_anothers "${all_slots[0]}" "$handing_over"
expect "and follows that" wait_until 30 follows_anew "$handing_over" "${all_slots[0]}"
expect "a replica has nothing to hand over" script_of cluster_hand_over.sh "$handing_over"
expect "the shop goes on" create after-hand-over

wait_until 60 find_pair "${all_slots[1]}" || fail "the master has no replica"
lost=$master
kill_node "$lost"
rm -rf "${shop_folder:?}/$lost"
start "$lost"
expect "a master that has lost its disk waits for another to take over" wait_until 60 grep -q 'its data is gone' "$(log_of "$lost")"
expect "its replica does" wait_until 60 is_anothers "${all_slots[1]}" "$lost"
expect "and gives it all that there is" wait_until 60 follows_anew "$lost" "${all_slots[1]}"
expect "its former name in the cluster is forgotten" wait_until 90 all_are_well
expect "the shop goes on with it" create after-loss
stop_writing
expect "nothing that was acknowledged is lost" nothing_is_lost

all_get_other_addresses
expect "nodes that all have other addresses find each other" wait_until 90 all_are_well
expect "and the shop goes on" create after-move
expect "with what was there" nothing_is_lost
expect "who joins nodes stops when told to" stop_joining
shop_done
