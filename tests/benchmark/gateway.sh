#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures the gateway beside gRPC: GetCustomer and CreateCustomer with as many calls in flight, as Connect's JSON by wrk, and
# directly by ghz and by `ordershop load`; the rate, the slowest hundredth, and what a call costs gateway, customer, Redis and
# whoever calls in CPU. A shop of its own, of Redis and the customer service.
#
#   gateway.sh [BIN]      BIN: folder of the executables (default build/bin; not a test build: fail points cost time)
#   GATEWAY_SECONDS=10    variable: how long each row is measured
#   GATEWAY_IN_FLIGHT=64  variable: calls in flight
#
# It needs jq, wrk (Debian's packages) and ghz, which is built by Go where it is missing.

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
seconds=${GATEWAY_SECONDS:-10} in_flight=${GATEWAY_IN_FLIGHT:-64}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/go_tool.sh
. "$root/tests/lib/go_tool.sh"

command -v wrk >/dev/null || fail "no wrk: apt-get install wrk"
ghz=$(find_go_tool ghz github.com/bojand/ghz/cmd/ghz v0.117.0) || fail "no ghz"

# --- The three callers: each prints calls a second, the 99th percentile in ms, and how many calls there were ---------------

by_wrk() { # METHOD JSON
  printf 'wrk.method, wrk.body, wrk.headers["Content-Type"] = "POST", [[%s]], "application/json"\n' "$2" >"$shop_folder/call.lua"
  wrk --threads 1 --connections "$in_flight" --duration "$seconds" --latency --script "$shop_folder/call.lua" \
    "http://127.0.0.1:$ORDERSHOP_GATEWAY_PORT/ordershop.v1.CustomerService/$1" >"$shop_folder/wrk"
  ! grep -E 'Non-2xx|Socket errors' "$shop_folder/wrk" >&2 || return 1
  awk '/requests in/ { count = $1 } /Requests\/sec/ { rate = $2 }
    $1 == "99%" { slow = $2 ~ /ms$/ ? $2 + 0 : $2 ~ /us$/ ? $2 / 1000 : $2 * 1000 }
    END { print rate, slow, count }' "$shop_folder/wrk"
}

by_ghz() { # METHOD JSON
  "$ghz" --insecure --protoset "$root/gen/descriptor_set.pb" --call "ordershop.v1.CustomerService.$1" --data "$2" \
    --concurrency "$in_flight" --connections 4 --duration "${seconds}s" --duration-stop wait --format json \
    "$(address_of customer)" >"$shop_folder/ghz"
  jq -er 'select((.statusCodeDistribution | keys) == ["OK"]) |
    "\(.rps) \((.latencyDistribution[] | select(.percentage == 99)).latency / 1000000) \(.count)"' "$shop_folder/ghz"
}

by_load() { # MODE
  "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --mode "$1" --in-flight "$in_flight" --seconds "$seconds" \
    --warm-up 0 --prepare 1 --json >"$shop_folder/load"
  jq -er 'select(.failures == 0) | "\(.perSecond) \(.latencyMs.p99) \(.calls)"' "$shop_folder/load"
}

# --- Rows ---

cpu_us() { # of a process, in microseconds
  awk -v tick="$(getconf CLK_TCK)" '{ printf "%.0f\n", ($14 + $15) * 1000000 / tick }' "/proc/$1/stat"
}

measure() { # measure CALL CALLER COMMAND...
  local call=$1 caller=$2 name rate slow count own costs=''
  local -A before=()
  shift 2
  for name in gateway customer redis; do before[$name]=$(cpu_us "${shop_pid[$name]}"); done
  TIMEFORMAT='%U %S'
  { time "$@" >"$shop_folder/row"; } 2>"$shop_folder/own" || fail "$caller: $(cat "$shop_folder/own")"
  read -r rate slow count <"$shop_folder/row"
  for name in gateway customer redis; do
    costs+=$(printf ' %8.1f' "$(awk "BEGIN { print ($(cpu_us "${shop_pid[$name]}") - ${before[$name]}) / $count }")")
  done
  own=$(awk -v count="$count" 'END { print ($1 + $2) * 1000000 / count }' "$shop_folder/own")
  printf '%-15s %-22s %7.0f %8.1f %s %8.1f\n' "$call" "$caller" "$rate" "$slow" "$costs" "$own"
}

shop_start customer
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 20 "$ORDERSHOP_BIN/ordershop-gateway" --check-health 2>/dev/null || fail "the gateway does not serve"
id=$("$ORDERSHOP_BIN/ordershop" customer create --name Ada --email ada@example.com --quiet)
new='{"customer": {"name": "Ada Lovelace", "email": "ada@example.com"}}'

say "$in_flight calls in flight, $seconds s a row; CPU in microseconds a call"
printf '%-15s %-22s %7s %8s %9s %8s %8s %8s\n' call by /s "p99 ms" gateway customer Redis caller
measure GetCustomer "gateway, JSON (wrk)" by_wrk GetCustomer "{\"id\": \"$id\"}"
measure GetCustomer "gRPC (ghz)" by_ghz GetCustomer "{\"id\": \"$id\"}"
measure GetCustomer "gRPC (ordershop load)" by_load get
measure CreateCustomer "gateway, JSON (wrk)" by_wrk CreateCustomer "$new"
measure CreateCustomer "gRPC (ghz)" by_ghz CreateCustomer "$new"
measure CreateCustomer "gRPC (ordershop load)" by_load customer
