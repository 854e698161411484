#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes nodes that cluster_node.sh has started one cluster, and keeps them one: runs beside each of them for ever.
#
#   cluster_join.sh [--once]
#
#   --once   only until this node has its role, and the cluster is well
#
# ORDERSHOP_FAILOVER_SELF, _SERVERS, _USERS and _TLS, ORDERSHOP_CLUSTER_BUS_DISTANCE: failover_lib.sh beside this script says what they mean.
# ORDERSHOP_CLUSTER_SLOTS  FIRST-LAST,... the slots of each master in the beginning: the first servers are masters, as many as
#                          there are ranges; the others become replicas of these, in the same order
#
# Every node meets all others, wherever their names lead by now: all of them may have new addresses at once, and would not
# find each other. A node that is new takes its slots only if all others say that nobody has them; otherwise, and where it is to
# be a replica, it follows the one who has them: who is what after the beginning, failovers decide.
#
# Exit status: 0 with --once; 1 it can't go on, and said why; 2 misuse.

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

own() { ask member "$self" "$@"; }

read_slots() {
  local range
  IFS=, read -ra slots <<<"${ORDERSHOP_CLUSTER_SLOTS:-}"
  [ ${#slots[@]} -gt 0 ] || misuse "ORDERSHOP_CLUSTER_SLOTS is not set"
  for range in "${slots[@]}"; do
    [[ $range =~ ^[0-9]{1,5}-[0-9]{1,5}$ ]] || misuse "ORDERSHOP_CLUSTER_SLOTS: '$range' is no FIRST-LAST"
  done
  [ ${#slots[@]} -le ${#servers[@]} ] || misuse "there are fewer servers than ranges of slots"
}

# The place of this node among the servers.
find_own_number() {
  for number in "${!servers[@]}"; do
    [ "${servers[number]}" != "$self" ] || return 0
  done
  misuse "$self is none of ORDERSHOP_FAILOVER_SERVERS"
}

# MEET takes addresses only. Who is known by that one already is not met again.
meet_all() {
  local server address port known
  known=$(own CLUSTER NODES) || return 1
  for server in "${servers[@]}"; do
    [ "$server" != "$self" ] || continue
    port=$(port_of "$server")
    address=$(address_of "$(host_of "$server")")
    [ -n "$address" ] || continue
    awk -v place="$address:$port@" 'index($2, place) == 1 && $3 !~ /fail|handshake|noaddr/ { found = 1 } END { exit !found }' <<<"$known" ||
      own CLUSTER MEET "$address" "$port" "$(bus_port_of "$server")" >/dev/null || true
  done
}

# The ids of nodes that came back as others, since they had lost their disks: they have no address and no slots any more. If only
# some forget one, these hear of it again from the others.
forget_gone() {
  local id
  for id in $(own CLUSTER NODES | awk '("," $3 ",") ~ /,noaddr,/ && NF <= 8 { print $1 }'); do
    own CLUSTER FORGET "$id" >/dev/null || true
  done
}

id_of() { ask member "$1" CLUSTER MYID; }

all_are_known() {
  local server id known
  known=$(own CLUSTER NODES) || return 1
  for server in "${servers[@]}"; do
    id=$(id_of "$server") && [[ $'\n'$known == *$'\n'"$id "* ]] || return 1
  done
}

# The nodes that have a slot of the range, as a server knows it.
owners_by() { # owners_by SERVER FIRST-LAST
  ask member "$1" CLUSTER NODES | awk -v range="$2" '
    BEGIN { split(range, wanted, "-") }
    {
      for (i = 9; i <= NF; i++) {
        if ($i ~ /^\[/) continue
        count = split($i, part, "-")
        if (part[1] + 0 <= wanted[2] + 0 && part[count] + 0 >= wanted[1] + 0) { print $1; break }
      }
    }'
}

# By all: one that is new here does not know what a node had that is gone.
slots_are_nobodys() { # slots_are_nobodys FIRST-LAST
  local server found
  for server in "${servers[@]}"; do
    found=$(owners_by "$server" "$1") && [ -z "$found" ] || return 1
  done
}

has_slots() { [ "$(own CLUSTER NODES | awk '$3 ~ /myself/ { print NF }')" -gt 8 ]; }

# Is it new, or has it lost its volume? Such a node is a master without slots.
has_no_role() { [[ $(own ROLE) == master* ]] && ! has_slots; }

take_slots() { # take_slots FIRST-LAST
  slots_are_nobodys "$1" || return 0
  own CLUSTER ADDSLOTSRANGE "${1%-*}" "${1#*-}" >/dev/null && say "has the slots $1"
}

# Of the one who has the slots now, be it another than in the beginning.
follow_master() { # follow_master FIRST-LAST
  local master
  master=$(owners_by "$self" "$1")
  [[ $master =~ ^[0-9a-f]{40}$ ]] || return 1
  own CLUSTER REPLICATE "$master" >/dev/null && say "is a replica of the master of the slots $1"
}

take_role() {
  has_no_role || return 0
  all_are_known || return 1
  [ "$number" -ge ${#slots[@]} ] || take_slots "${slots[number]}" || return 1
  ! has_slots || return 0
  follow_master "${slots[number % ${#slots[@]}]}"
}

is_well() { [[ $(own CLUSTER INFO) == *cluster_state:ok* ]] && all_are_known; }

once=no
case ${1:-} in
-h | --help)
  print_help
  exit 0
  ;;
--once) once=yes ;;
?*) misuse "unknown argument '$1'" ;;
esac
read_node_environment
read_slots
find_own_number
trap 'exit 0' TERM # the first process of a container would not hear it
while true; do
  if meet_all && forget_gone && take_role && is_well; then
    [ "$once" = no ] || exit 0
    sleep 2
  else
    sleep 1
  fi
done
