#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Before a node of a cluster is stopped (cluster_node.sh): if it is a master with a replica, that becomes the master, and nothing is
# lost.
#
#   cluster_hand_over.sh
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _USERS and _TLS: failover_lib.sh beside this script says what they mean.
#
# The replica is told to take over (CLUSTER FAILOVER): its master stops writing until it has everything. Calls are refused for
# about a second, and not for as long as a cluster takes to notice that a master is gone.
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

readonly tries=3 try_seconds=6 # a server gives up after five

own() { ask member "$self" "$@"; }
is_master() { [[ $(own ROLE) == master* ]]; }
is_replica() { [[ $(own ROLE) == slave* ]]; }

# Does that server follow the one of that id, and is it connected to it?
follows() { # follows SERVER ID
  [[ $(ask member "$1" CLUSTER NODES | grep myself) == *" $2 "* && $(ask member "$1" ROLE) == slave*connected* ]]
}

# Sets `replica`.
find_replica() {
  local id
  id=$(own CLUSTER MYID)
  for replica in "${servers[@]}"; do
    [ "$replica" = "$self" ] || ! follows "$replica" "$id" || return 0
  done
  return 1
}

hand_over() {
  local deadline=$((SECONDS + try_seconds))
  ask member "$replica" CLUSTER FAILOVER >/dev/null || true
  until is_replica; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

case ${1:-} in
-h | --help)
  print_help
  exit 0
  ;;
?*) misuse "unknown argument '$1'" ;;
esac
read_node_environment
is_master || exit 0
find_replica || fail "no other server follows this one"
for _ in $(seq $tries); do
  ! hand_over || exit 0
done
fail "$replica has not taken over"
