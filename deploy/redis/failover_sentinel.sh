#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Becomes a sentinel: one of several that watch the servers of failover_server.sh, and make another the master when the
# present one is gone.
#
#   failover_sentinel.sh FOLDER [ARGUMENT...]
#
#   FOLDER     where sentinel.conf lies, in which it keeps what it learns: it must outlive the process
#   ARGUMENT   more for redis-server
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _SENTINELS, _USERS and _TLS: failover_lib.sh beside this script says what they mean.
#
# A sentinel that is new waits until a server has a replica, and watches that server: with less it would make a master of
# one that has nothing yet. Without its folder it comes back under the same id, so that the others don't count it twice.
#
# Exit status: that of redis-server; 1 if it was not started, and said why; 2 misuse.

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

# How long a master may be silent before it counts as gone, and a failover take before another sentinel tries.
readonly down_after_ms=5000 failover_timeout_ms=20000

# HOST:PORT of the server that another one follows; nothing if there is none.
master_with_replica() {
  local server said
  for server in "${servers[@]}"; do
    said=$(ask sentinel "$server" INFO replication) || continue
    if [[ $said == *role:master* && $said == *state=online* ]]; then printf '%s' "$server" && return; fi
  done
}

wait_for_master() { # sets `master`
  local said=no
  until master=$(master_with_replica) && [ -n "$master" ]; do
    [ $said = yes ] || say "it waits until a server has a replica"
    said=yes
    sleep 1
  done
}

quorum() { printf '%s' $((${#sentinels[@]} / 2 + 1)); }

# What it has learnt: everything else is of its place, and may have changed.
print_state() {
  if [ -e "$folder/sentinel.conf" ]; then
    sed -n "/^sentinel monitor /p" -- "$folder/sentinel.conf"
    sed -nE '/^sentinel (config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) /p' -- "$folder/sentinel.conf"
  else
    wait_for_master >&2
    printf 'sentinel monitor %s %s %s %s\n' $master_name "$(host_of "$master")" "$(port_of "$master")" "$(quorum)"
  fi
}

print_configuration() {
  print_listener
  printf 'bind * -::*\ndir "%s"\naclfile "%s/sentinels.acl"\n' "$folder" "$users"
  printf 'sentinel myid %s\n' "$(printf '%s' "sentinel $self" | sha1sum | cut -d ' ' -f 1)"
  printf 'sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n'
  printf 'sentinel announce-ip %s\nsentinel announce-port %s\n' "$(host_of "$self")" "$(port_of "$self")"
  printf 'sentinel sentinel-user sentinel\nsentinel sentinel-pass "%s"\n' "$(password_of sentinel)"
  print_state
  printf 'sentinel auth-user %s sentinel\nsentinel auth-pass %s "%s"\n' $master_name $master_name "$(password_of sentinel)"
  printf 'sentinel down-after-milliseconds %s %s\n' $master_name $down_after_ms
  printf 'sentinel failover-timeout %s %s\n' $master_name $failover_timeout_ms
}

read_arguments "$@"
read_environment
umask 077 # there are passwords in sentinel.conf
print_configuration >"$folder/sentinel.conf.new"
mv -- "$folder/sentinel.conf.new" "$folder/sentinel.conf"
exec "$(server_program)" "$folder/sentinel.conf" --sentinel "${arguments[@]}"
