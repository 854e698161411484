#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/*.conf: each starts, and does with its data what it promises.

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

[ "$shop_slowness" -eq 1 ] || skip "not applicable: nothing of ours runs in it, so sanitizers find nothing"

configurations=$ORDERSHOP_SOURCE/deploy/redis
reserve_ports

# A server of its own for each configuration: name and port.
server_port() {
  case $1 in
  transactional) echo "$((shop_port_base + 1))" ;;
  operational) echo "$((shop_port_base + 2))" ;;
  ephemeral) echo "$((shop_port_base + 3))" ;;
  replica) echo "$((shop_port_base + 4))" ;;
  esac
}

# What shop.sh ends with the test, in place of the services.
shop_services=(transactional operational ephemeral replica)

ask() { # ask CONFIGURATION COMMAND...
  local name=$1
  shift
  redis-cli -h 127.0.0.1 -p "$(server_port "$name")" "$@" 2>&1
}

answers() { [ "$(ask "$1" ping </dev/null)" = PONG ]; }
is_up() { [[ $(ask "$1" ping </dev/null) != *"Could not connect"* ]]; }

start() { # start CONFIGURATION ARGUMENT...
  local name=$1
  shift
  mkdir -p "$shop_folder/$name"
  launch "$name" redis-server "$configurations/$name.conf" --bind 127.0.0.1 --port "$(server_port "$name")" \
    --dir "$shop_folder/$name" "$@"
  wait_until 60 is_up "$name" || fail "$name does not start"
}

end_with() { # end_with SIGNAL CONFIGURATION
  kill "-$1" "${shop_pid[$2]}"
  await_end "$2" 20
}

says() { # says VALUE CONFIGURATION COMMAND...
  local wanted=$1 answer
  shift
  answer=$(ask "$@")
  echo "$answer"
  [[ $answer == *$wanted* ]]
}

setting_is() { [ "$(ask "$1" config get "$2" | sed -n 2p)" = "$3" ]; } # setting_is CONFIGURATION NAME VALUE

# The directives that are the same in all of them.
shared_part() { sed -n '/^# === The same in all/,$p' "$configurations/$1.conf"; }
same_as_transactional() { [ -n "$(shared_part "$1")" ] && [ "$(shared_part "$1")" = "$(shared_part transactional)" ]; }

for name in operational ephemeral replica; do
  expect "$name.conf has what all have in common" same_as_transactional "$name"
done

# Acknowledged writes go on until the server is killed; what was acknowledged must be there.
write_until_killed() {
  local i
  for i in $(seq 100000); do echo "SET key:$i $i"; done |
    redis-cli -h 127.0.0.1 -p "$(server_port transactional)" >"$shop_folder/acknowledged" 2>/dev/null || true
}
has_some() { [ "$(wc -l <"$shop_folder/acknowledged")" -gt 300 ]; }

start transactional
expect "transactional syncs every write" setting_is transactional appendfsync always
write_until_killed &
writer=$!
expect "transactional acknowledges writes" wait_until 60 has_some
end_with KILL transactional
wait $writer 2>/dev/null || true
acknowledged=$(grep -c '^OK' "$shop_folder/acknowledged" || true)
start transactional
wait_until 60 answers transactional
expect "transactional has lost none of those that it had acknowledged when it was killed" \
  says "$acknowledged" transactional GET "key:$acknowledged"
expect "not even one in between" test "$(ask transactional dbsize)" -ge "$acknowledged"
expect "transactional writes no snapshot" test ! -e "$shop_folder/transactional/dump.rdb"
expect "transactional throws nothing away when memory is short" setting_is transactional maxmemory-policy noeviction

start replica --replicaof 127.0.0.1 "$(server_port transactional)"
follows() { [[ $(ask replica info replication) == *master_link_status:up* ]]; }
expect "a replica finds its master" wait_until 60 follows
ask transactional set followed yes >/dev/null
has_followed() { [ "$(ask replica get followed)" = yes ]; }
expect "a replica follows" wait_until 60 has_followed
expect "a replica refuses writes" says READONLY replica set x 1
end_with TERM transactional
expect "a replica says nothing old when its master is away" wait_until 60 says MASTERDOWN replica get followed
end_with TERM replica
start replica
wait_until 60 answers replica
expect "a replica that takes over has everything" says yes replica get followed
expect "and takes writes" says OK replica set x 1
expect "and syncs them as its master did" setting_is replica appendfsync always
end_with TERM replica

start operational
wait_until 60 answers operational
expect "operational syncs once a second" setting_is operational appendfsync everysec
expect "operational makes snapshots" setting_is operational save "3600 1 300 100 60 10000"
ask operational set kept yes >/dev/null
end_with TERM operational
expect "operational leaves a snapshot to copy" test -s "$shop_folder/operational/dump.rdb"
start operational
wait_until 60 answers operational
expect "operational has its data after a clean stop" says yes operational get kept
ask operational set late yes >/dev/null
end_with KILL operational
start operational
wait_until 60 answers operational
expect "and after it was killed, with the machine going on" says yes operational get late
end_with TERM operational

start ephemeral
wait_until 60 answers ephemeral
ask ephemeral set gone yes >/dev/null
ask ephemeral config set maxmemory 3mb >/dev/null
for i in $(seq 200); do printf 'SET filler:%s %s\n' "$i" "$(printf '%040000d' 0)"; done | ask ephemeral >"$shop_folder/fillers"
expect "ephemeral takes all writes at its bound" test "$(grep -c '^OK' "$shop_folder/fillers")" -eq 200
expect "and forgets for it" test "$(ask ephemeral dbsize)" -lt 200
end_with TERM ephemeral
expect "ephemeral writes no file" test -z "$(find "$shop_folder/ephemeral" -type f)"
start ephemeral
wait_until 60 answers ephemeral
expect "ephemeral starts empty" says 0 ephemeral dbsize
end_with TERM ephemeral

say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
