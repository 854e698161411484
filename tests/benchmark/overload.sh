#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures a shop of its own beyond what it can bear: the rate of CreateOrder that it sustains (64 in flight), then calls
# that begin at 2 and at 5 times that rate with deadlines of one second, whatever has become of those before, and right
# after each of them half of the sustained rate. Beside them what is reserved for nobody, and the memory of the order
# service when it is over and a minute later.
#
# The load program has a core of its own and the shop has the others: callers are elsewhere in a real shop, and a load
# program that has to share its core loses its calls itself, before the shop has seen them. What the shop sustains
# changes while it runs (Redis rewrites its append-only file, mails of earlier orders are sent), so it is measured before
# and after each overload, and the ratio is to the mean of both.
#
#   overload.sh [BIN]     BIN: folder of the executables (default build/bin; not a test build: fail points cost time)
#
# OVERLOAD_SECONDS is how long each load lasts (default 20). OVERLOAD_TIMES is which multiples are tried (default "2 5").

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
seconds=${OVERLOAD_SECONDS:-20}
read -ra multiples <<<"${OVERLOAD_TIMES:-2 5}"
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
shop_services=("${shop_owners[@]}")

cores=$(nproc)
load_core=(taskset -c 0)
if [ "$cores" -gt 1 ]; then taskset -cp "1-$((cores - 1))" $$ >/dev/null; else load_core=(); fi

load() { # load FLAG...: into $shop_folder/load.json
  "${load_core[@]}" "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --json "$@" >"$shop_folder/load.json" 2>/dev/null || true
}

figure() { jq -r "$1" "$shop_folder/load.json"; }

memory_of() { awk '/VmRSS/ { printf "%.0f MiB", $2 / 1024 }' "/proc/${shop_pid[$1]}/status"; }

report() { # report WHAT
  say "--- $1"
  say "OK       $(figure '"\(.perSecond | floor)/s, p50 \(.latencyMs.p50) ms, p99 \(.latencyMs.p99) ms; by second: \(.callsBySecond | map(tostring) | join(" "))"')"
  say "failures $(figure '.failuresByCode | to_entries | map("\(.key) \(.value)") | join(", ")')"
  say "refused  $(figure 'if .refusedMs then "p50 \(.refusedMs.p50) ms, p99 \(.refusedMs.p99) ms" else "none" end')"
  say "order    $(memory_of order), inventory $(memory_of inventory); attempts that hold stock: $(redis ZCARD inventory_attempts)"
}

sustain() { # sets `sustained`
  load --seconds "$seconds"
  report "64 in flight"
  sustained=$(figure '.perSecond | floor')
}

shop_start
sustain
for times in "${multiples[@]}"; do
  before=$sustained
  load --rate $((before * times)) --deadline 1000 --seconds "$seconds" --warm-up 1
  report "$times times the sustained rate, deadlines of 1 s"
  goodput=$(figure '.perSecond | floor')
  load --rate $(((before + 1) / 2)) --deadline 1000 --seconds 3 --warm-up 0
  report "half of it, right after"
  sustain
  say "=== $times times the sustained rate: $((goodput * 200 / (before + sustained))) % of what is sustained"
done
sleep 60
say "--- a minute later"
for name in "${shop_services[@]}"; do say "$(printf '%-10s %s' "$name" "$(memory_of "$name")")"; done
say "attempts   $(redis ZCARD inventory_attempts)"
