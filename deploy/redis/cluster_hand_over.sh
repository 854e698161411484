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

readonly hand_over_seconds=10

own() { ask member "$self" "$@"; }
is_master() { [[ $(own ROLE) == master* ]]; }

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
ask member "$replica" CLUSTER FAILOVER >/dev/null || fail "$replica does not take over"
deadline=$((SECONDS + hand_over_seconds))
while is_master; do
  [ $SECONDS -lt $deadline ] || fail "$replica has not taken over"
  sleep 0.1
done
