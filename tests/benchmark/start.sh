#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures the start of each service, from before the fork to SERVING: the best of five, and all of them.
#
#   start.sh [BIN]     BIN: folder of the executables (default build/bin)

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
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"

readonly starts=5

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

# time_of_start SERVICE: sets took to the milliseconds, a little more than it took: asking costs about 15 of them
time_of_start() {
  local begin
  begin=$(milliseconds)
  service_start "$1"
  until is_listening "$1" && serve "$1"; do is_running "$1" || fail "$1 has ended"; done
  took=$(($(milliseconds) - begin))
}

shop_prepare
redis_start
for service in "${shop_services[@]}"; do
  all=() took=0
  for _ in $(seq "$starts"); do
    time_of_start "$service"
    service_stop "$service"
    all+=("$took")
  done
  say "$(printf '%-10s %4d ms  of' "$service" "$(printf '%s\n' "${all[@]}" | sort -n | head -n 1)") ${all[*]}"
done
redis_stop
