#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Samples all processes of a shop of its own while orders are placed as fast as they are answered, and names every function,
# of the kernel's too, that takes at least a given share of its process' CPU.
#
#   profile.sh [BIN]       BIN: folder of the executables (default build/bin; with symbols, and not a test build)
#   PROFILE_SECONDS=5      variable: how long it samples
#   PROFILE_SHARE=5        variable: percent of its process' CPU that a function takes at least
#
# Needs perf (Debian: linux-perf) and the right to sample (root, or kernel.perf_event_paranoid <= 1).

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
export ORDERSHOP_SOURCE=$root ORDERSHOP_BIN=${1:-$root/build/bin}
seconds=${PROFILE_SECONDS:-5} share=${PROFILE_SHARE:-5}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
command -v perf >/dev/null || { echo "profile.sh: there is no perf here; as root: apt-get install linux-perf" >&2 && exit 1; }
shop_services=("${shop_owners[@]}")

# The threads of each process, a line each: its number, and the process' name. What Redis forks to save is "forks of redis".
list_threads() {
  local name thread
  for name in "${processes[@]}"; do
    for thread in "/proc/${shop_pid[$name]}/task/"*; do echo "${thread##*/} $name"; done
  done
}

# A row of perf's is: percent, thread:name, object, symbol.
tell_costs() {
  awk -F '|' -v share="$share" '
    NR == FNR { split($0, thread, " "); process[thread[1]] = thread[2]; next }
    {
      all += $1; split($2, thread, ":")
      name = thread[1] + 0 in process ? process[thread[1] + 0] : "forks of redis"
      own[name] += $1; cost[name, $4 " (" $3 ")"] += $1
    }
    END {
      for (name in own) {
        printf "%-15s %5.1f %% of all\n", name, 100 * own[name] / all
        for (key in cost) {
          split(key, part, SUBSEP)
          if (part[1] == name && 100 * cost[key] >= share * own[name])
            printf "%-15s %5.1f %% of that in %s\n", name, 100 * cost[key] / own[name], part[2]
        }
      }
    }' "$shop_folder/threads" "$shop_folder/rows" | sort --stable --key 1,15
}

shop_start
"$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --seconds 1 --warm-up 0 >/dev/null # makes what orders need
processes=(redis "${shop_services[@]}")
# It samples for as long as the load is there.
perf record --quiet --event cpu-clock --freq 1999 --output "$shop_folder/samples" \
  --pid "$(for name in "${processes[@]}"; do echo "${shop_pid[$name]}"; done | paste -sd,)" -- \
  "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --in-flight 64 --seconds "$seconds" --warm-up 0 >"$shop_folder/load" 2>&1
list_threads >"$shop_folder/threads"
perf report --input "$shop_folder/samples" --stdio --no-children --sort pid,dso,sym --field-separator '|' 2>/dev/null |
  sed '/^#/d; /^ *$/d; s/ *| */|/g' >"$shop_folder/rows"
tell_costs
