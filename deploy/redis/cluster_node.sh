#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Becomes a node of a Redis Cluster over which the services of a shop spread, each with a hash tag of its own.
#
#   cluster_node.sh FOLDER [ARGUMENT...]
#
#   FOLDER     Redis' `dir`; redis.conf in it is made here. What the nodes know of each other is in nodes.conf beside it, which
#              Redis writes. What a power cut has left half-written in FOLDER is mended first (mend_log.sh)
#   ARGUMENT   more for redis-server: --maxmemory 4gb
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _USERS and _TLS, ORDERSHOP_CLUSTER_BUS_DISTANCE: failover_lib.sh beside this script says
# what they mean.
#
# A node that has lost its volume waits until another has taken over: its replica would copy its emptiness. Where not all
# others answer, it waits for 15 seconds before it takes itself for one of the first. A node that starts knows nobody:
# cluster_join.sh beside it makes it one of the cluster.
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
readonly silence_seconds=15
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)

# Sets `address`. Many machines know themselves by a name for which their own hosts file has a loopback address.
find_address() {
  local server
  address=${ORDERSHOP_FAILOVER_ADDRESS:-$(address_of "$(host_of "$self")")}
  [ -n "$address" ] || fail "$(host_of "$self") has no address that is known here: set ORDERSHOP_FAILOVER_ADDRESS"
  [[ $address == 127.* || $address == ::1 ]] || return 0
  for server in "${servers[@]}"; do
    [ "$(host_of "$server")" = "$(host_of "$self")" ] ||
      fail "$(host_of "$self") is $address here, where $(host_of "$server") can't reach it: set ORDERSHOP_FAILOVER_ADDRESS"
  done
}

# Clients are told names, which stay where addresses change. Where a master and its replica are gone, the services whose
# slots others have go on.
print_configuration() {
  printf 'include "%s/transactional.conf"\n' "$here"
  printf 'include "%s"\n' "$users/replication.conf"
  print_listener
  [ -z "$tls" ] || printf 'tls-cluster yes\n'
  printf 'bind * -::*\ndir "%s"\naclfile "%s/users.acl"\n' "$folder" "$users"
  printf 'cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-node-timeout 5000\ncluster-port %s\n' "$(bus_port_of "$self")"
  printf 'cluster-announce-hostname %s\ncluster-preferred-endpoint-type hostname\n' "$(host_of "$self")"
  # Without it, others take the address that a packet came from for it, which may be that of a machine in between; and many
  # versions of Redis crash if the connection is gone by then (https://github.com/redis/redis/pull/14055).
  printf 'cluster-announce-ip %s\n' "$address"
  printf 'cluster-require-full-coverage no\ncluster-allow-replica-migration no\nrepl-diskless-sync-delay 0\n'
}

# Is there one with this node's name among those that are `known`, which lives, or whose slots nobody has taken over yet?
knows_another() {
  awk -v port=":$(port_of "$self")@" -v name=",$(host_of "$self")" '
    index($2, port) && substr($2, length($2) - length(name) + 1) == name && (("," $3 ",") !~ /,fail,/ || NF > 8) { found = 1 }
    END { exit !found }' <<<"$known"
}

# Sets `answered`, how many of the others did.
somebody_knows_another() {
  local server known
  answered=0
  for server in "${servers[@]}"; do
    [ "$server" != "$self" ] || continue
    known=$(ask member "$server" CLUSTER NODES) || continue
    answered=$((answered + 1))
    ! knows_another || return 0
  done
  return 1
}

# Without its data, but under the name that it had, it would be copied by those that follow that one.
wait_until_replaced() {
  local answered said=no deadline=$((SECONDS + silence_seconds))
  [ ! -s "$folder/nodes.conf" ] || return 0
  while true; do
    if somebody_knows_another; then
      [ $said = yes ] || say "its data is gone: it starts when another has taken over"
      said=yes
    elif [ "$answered" -ge $((${#servers[@]} - 1)) ] || [ $SECONDS -ge $deadline ]; then
      return 0 # all answer, or it may be the first that starts
    fi
    sleep 1
  done
}

read_arguments "$@"
read_node_environment
find_address
umask 077
print_configuration >"$folder/redis.conf"
trap 'exit 1' TERM # the first process of a container would not hear it
wait_until_replaced
exec "$here/mend_log.sh" "$folder" "$(server_program)" "$folder/redis.conf" "${arguments[@]}"
