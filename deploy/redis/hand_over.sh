#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Before a server of failover_server.sh is stopped: if it is the master, another one becomes that, and nothing is lost.
#
#   hand_over.sh
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _SENTINELS, _USERS and _TLS: failover_lib.sh beside this script says what they mean.
#
# Writes wait until all replicas have what was written, then a sentinel is told to fail over: any replica that it may
# choose has everything. This server follows the new master before it hears writes again: the sentinels' own word would
# come too late, for they wait behind the writes, too. Calls are refused for about a second, and not for as long as sentinels
# take to notice that a master is gone.
#
# Exit status: 0 it is no master, or not any more; 1 it still is, and said why; 2 misuse.

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

# shellcheck source-path=SCRIPTDIR source=failover_lib.sh
. -- "$(dirname -- "${BASH_SOURCE[0]}")/failover_lib.sh"

readonly pause_ms=10000 catch_up_seconds=3 hand_over_seconds=8 settle_seconds=10

own() { ask member "$self" "$@"; }

is_master() { [[ $(own ROLE) == master* ]]; }
another_is_chosen() {
  master=$(master_by_sentinels)
  [ -n "$master" ] && [ "$master" != "$self" ]
}

# Has every replica that follows everything? At least one has to.
replicas_are_level() {
  own INFO replication | tr -d '\r' | awk -F '[:,=]' '
    /^slave[0-9]+:/ { for (i = 2; i < NF; i++) if ($i == "offset") { offsets[++count] = $(i + 1) } }
    /^master_repl_offset:/ { own = $2 }
    END { for (i = 1; i <= count; i++) if (offsets[i] < own) exit 1; exit count == 0 }'
}

wait_until() { # wait_until SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# Sets `leader`, the sentinel that makes the failover.
fail_over() {
  for leader in "${sentinels[@]}"; do
    ! ask member "$leader" SENTINEL FAILOVER $master_name >/dev/null || return 0
  done
  return 1
}

# It also tells the replicas whom they follow now. One whose failover is not over when the others make the next one may
# stay with its own master.
failover_is_over() {
  local flags
  flags=$(ask member "$leader" SENTINEL MASTER $master_name | grep -x -A 1 flags) && [[ $flags != *failover_in_progress* ]]
}

hand_over() {
  own CLIENT PAUSE $pause_ms WRITE >/dev/null || fail "the server does not pause writes"
  wait_until $catch_up_seconds replicas_are_level || fail "its replicas don't catch up"
  fail_over || fail "no sentinel begins a failover"
  wait_until $hand_over_seconds another_is_chosen || fail "no other has taken over"
  own REPLICAOF "$(host_of "$master")" "$(port_of "$master")" >/dev/null || fail "the server does not follow $master"
  own CONFIG REWRITE >/dev/null || fail "the server can't write redis.conf"
}

unpause() { own CLIENT UNPAUSE >/dev/null || true; }

case ${1:-} in
-h | --help)
  print_help
  exit 0
  ;;
?*) misuse "unknown argument '$1'" ;;
esac
read_environment
is_master || exit 0
trap unpause EXIT
hand_over
unpause
wait_until $settle_seconds failover_is_over || say "$master has taken over; the sentinel $leader is still busy with it"
