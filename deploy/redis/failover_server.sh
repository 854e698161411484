#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Becomes a Redis that may be the master: one of several that replicate, and that sentinels watch (failover_sentinel.sh).
#
#   failover_server.sh FOLDER [ARGUMENT...]
#
#   FOLDER     Redis' `dir`; redis.conf in it is made here, and tells whom it follows: a sentinel that gives it another
#              role writes that there. What a power cut has left half-written in FOLDER is mended first (mend_log.sh)
#   ARGUMENT   more for redis-server: --maxmemory 4gb
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _SENTINELS, _USERS and _TLS: failover_lib.sh beside this script says what they mean.
#
# A server without redis.conf is new, or has lost its volume. Then sentinels tell whom it follows. Where none answers, the
# first of the servers becomes the master, but only when all others have said that they hold nothing: otherwise it would
# give them its own emptiness. One that sentinels know as the master, and that has nothing, waits for another to take over.
# The data of a single Redis is taken as it is: the first server may have it, the others copy it.
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
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

is_first() { [ "$self" = "${servers[0]}" ]; }

# Has it an append-only file from before, such as that of a single Redis?
has_data() { [ -n "$(find "$folder/appendonlydir" -type f -size +0 -print -quit 2>/dev/null)" ]; }

# One that is loading its data counts as one that has some.
others_are_empty() {
  local server keys
  for server in "${servers[@]}"; do
    [ "$server" != "$self" ] || continue
    keys=$(ask member "$server" INFO keyspace) && [[ $keys != *db[0-9]* ]] || return 1
    [[ $(ask member "$server" INFO persistence) == *loading:0* ]] || return 1
  done
}

# Sets `reason` and fails as long as it is not known whom this server, which has no redis.conf, follows; then sets `master`,
# empty for this one itself.
find_master() {
  master=$(master_by_sentinels)
  if [ "$master" = "$self" ] && ! has_data; then
    reason="sentinels know this server as the master, but its data is gone: it starts when they have chosen another"
    return 1
  elif [ "$master" = "$self" ]; then
    master=
  elif [ -n "$master" ]; then
    return 0
  elif ! is_first; then
    master=${servers[0]}
  elif ! has_data && ! others_are_empty; then
    reason="no sentinel answers, and not all other servers say that they are empty: it waits for them"
    return 1
  fi
}

wait_for_master() {
  local said=''
  until find_master; do
    [ "$reason" = "$said" ] || say "$reason"
    said=$reason
    sleep 1
  done
  if [ -n "$master" ]; then say "it is new here, and follows $master"; else say "it is new here, and becomes the master"; fi
}

# What was written before, by a sentinel or here, of the role; everything else may have changed.
print_role() {
  if [ -e "$folder/redis.conf" ]; then
    sed -n '/^replicaof /p' -- "$folder/redis.conf"
  else
    wait_for_master >&2
    [ -z "$master" ] || printf 'replicaof %s %s\n' "$(host_of "$master")" "$(port_of "$master")"
  fi
}

# A master with too few replicas takes nothing: otherwise one that is cut off would go on for those beside it.
print_configuration() {
  printf 'include "%s/transactional.conf"\n' "$here"
  printf 'include "%s"\n' "$users/replication.conf"
  print_listener
  printf 'bind * -::*\ndir "%s"\naclfile "%s/users.acl"\n' "$folder" "$users"
  printf 'replica-announce-ip %s\nreplica-announce-port %s\n' "$(host_of "$self")" "$(port_of "$self")"
  printf 'min-replicas-to-write 1\nmin-replicas-max-lag 10\nrepl-diskless-sync-delay 0\n'
  # A connection to where a master was a moment ago may hang: a replica tries again soon.
  printf 'repl-timeout 15\nrepl-ping-replica-period 2\n'
  print_role
}

read_arguments "$@"
read_environment
umask 077 # there is a password in redis.conf when Redis has written it
print_configuration >"$folder/redis.conf.new"
mv -- "$folder/redis.conf.new" "$folder/redis.conf"
exec "$here/mend_log.sh" "$folder" "$(server_program)" "$folder/redis.conf" "${arguments[@]}"
