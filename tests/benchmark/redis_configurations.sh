#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What Redis' configurations cost, side by side: writes a second and the CPU of each write, as ratios to the cache.
#
#   redis_configurations.sh [--requests N]   (default 40000; twice as many where 32 commands travel together)
#
# Private servers on ports 17401 to 17405, on the disk of TMPDIR (default /tmp; on memory, fsync costs nothing). The row
# "with a replica" is a transactional server that a second one follows. A write is SET with 512 bytes, by 50 clients, and
# by 50 clients of which each sends 32 at a time, as a service under load does.
# Ratios hold on other machines, figures don't.

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

source_dir=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
requests=40000
case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
--requests) requests=${2:?--requests needs a number} ;;
'') ;;
*)
  echo "redis_configurations.sh: unknown argument '$1'; see --help" >&2
  exit 2
  ;;
esac

folder=$(mktemp -d)
servers=()
finish() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() { # start NAME CONFIGURATION PORT ARGUMENT...: sets `server`
  local name=$1 configuration=$2 port=$3
  shift 3
  mkdir -p "$folder/$name"
  redis-server "$source_dir/deploy/redis/$configuration.conf" --bind 127.0.0.1 --port "$port" --dir "$folder/$name" "$@" \
    >"$folder/$name.log" 2>&1 &
  server=$!
  servers+=("$server")
  for _ in $(seq 100); do
    [ "$(redis-cli -p "$port" ping 2>/dev/null)" != PONG ] || return 0
    [[ $(redis-cli -p "$port" ping 2>/dev/null) != *MASTERDOWN* ]] || return 0
    sleep 0.05
  done
  echo "redis_configurations.sh: no server with $configuration.conf at port $port; its log:" >&2
  cat "$folder/$name.log" >&2
  exit 1
}

# CPU time of a process so far, in milliseconds.
cpu_ms() { awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) * 1000 / tick }' "/proc/$1/stat"; }

rate() { # rate PORT ARGUMENT...: writes a second
  local port=$1
  shift
  redis-benchmark -p "$port" -t set -d 512 -r 10000 -c 50 --csv "$@" | awk -F '"' '$2 == "SET" { print $4 }'
}

first_single='' first_batch=''
measure() { # measure NAME PORT PROCESS
  local single batch before after
  rate "$2" -n $((requests / 10)) >/dev/null
  before=$(cpu_ms "$3")
  single=$(rate "$2" -n "$requests")
  after=$(cpu_ms "$3")
  batch=$(rate "$2" -n $((requests * 2)) -P 32)
  first_single=${first_single:-$single} first_batch=${first_batch:-$batch}
  awk -v name="$1" -v single="$single" -v batch="$batch" -v s="$first_single" -v b="$first_batch" -v n="$requests" \
    -v cpu="$(awk -v a="$after" -v b="$before" 'BEGIN { print a - b }')" \
    'BEGIN { printf "%-28s %9.0f %6.2f %12.0f %6.2f %14.1f\n", name, single, single / s, batch, batch / b, cpu * 1000 / n }'
}

stop() {
  kill "${servers[@]}" 2>/dev/null || true
  wait "${servers[@]}" 2>/dev/null || true
  servers=()
}

printf '%-28s %9s %6s %12s %6s %14s\n' configuration writes/s ratio "32 at once" ratio "CPU us/write"
port=17401
for configuration in ephemeral operational transactional; do
  start "$configuration" "$configuration" "$port"
  measure "$configuration" "$port" "$server"
  stop
  port=$((port + 1))
done
start master transactional "$port"
master=$server
start copy replica $((port + 1)) --replicaof 127.0.0.1 "$port"
for _ in $(seq 200); do
  [[ $(redis-cli -p $((port + 1)) info replication) != *master_link_status:up* ]] || break
  sleep 0.1
done
measure "transactional with a replica" "$port" "$master"
stop
