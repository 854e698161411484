#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures what metrics cost a call: two customer services (for GetCustomer) or order services (for CreateOrder) are called
# at the same rate at the same time, one that serves metrics, which are read once meanwhile, and one that doesn't. Prints
# the ratio of the CPU times that the two took for a call: median and quartiles of all pairs, and the ratio of the sums; and
# the CPU time of one reading. What else the machine does meets both alike; pairs in which calls failed don't count.
#
#   metrics.sh [BIN [OTHER]]   BIN: folder of the executables (default build/bin; not a test build: fail points cost time)
#                              OTHER: executables for the one without metrics (default BIN), such as of a build that
#                              doesn't count
#
# METRICS_PAIRS is how many pairs there are of each call (default 20). METRICS_SECONDS is how long each takes (default 2),
# METRICS_RATE how many calls a second each of the two gets (default 500; of CreateOrder a fifth of it).

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
other_bin=${2:-$ORDERSHOP_BIN}
pairs=${METRICS_PAIRS:-20} seconds=${METRICS_SECONDS:-2} rate=${METRICS_RATE:-500}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"

# The two, at ports of services that don't run; which of them has which port changes from pair to pair.
ports=()
metrics_port() { port_of event; }

stop_one() { # stop_one NAME
  kill -TERM "${shop_pid[$1]}"
  await_end "$1" 60
}

# launch_one NAME SERVICE BIN [VARIABLE=VALUE...]: another replica of a service
launch_one() {
  local name=$1 service=$2 bin=$3 port=${ports[0]}
  shift 3
  [ "$name" = on ] || port=${ports[1]}
  launch "$name" env ORDERSHOP_LISTEN="127.0.0.1:$port" ORDERSHOP_REDIS_URL="redis://$service@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/$service.password" "$@" "$bin/ordershop-$service"
  wait_until 60 port_accepts "$port" || fail "$service does not serve"
}

# As Prometheus does, but once in some seconds, not in fifteen.
read_metrics() { sleep 1.5 && curl --silent --max-time 5 --output /dev/null "http://127.0.0.1:$(metrics_port)/metrics"; }

call_one() { # call_one NAME SERVICE MODE RATE: into a file of that name
  local port=${ports[0]}
  [ "$1" = on ] || port=${ports[1]}
  "$ORDERSHOP_BIN/ordershop" load --json --port-base "$shop_port_base" "--$2-address" "127.0.0.1:$port" --mode "$3" --rate "$4" \
    --connections 1 --shop "$shop_folder/$1.shop" --seconds "$seconds" --warm-up 1 --watch "$1=${shop_pid[$1]}" >"$shop_folder/$1.json" || true
}

pair() { # pair SERVICE MODE RATE
  local callers=()
  ports=("${ports[1]}" "${ports[0]}")
  launch_one on "$1" "$ORDERSHOP_BIN" ORDERSHOP_METRICS_LISTEN="127.0.0.1:$(metrics_port)"
  launch_one off "$1" "$other_bin"
  launch reader read_metrics
  call_one on "$@" & callers=($!)
  call_one off "$@" & callers+=($!)
  wait "${callers[@]}"
  await_end reader 10
  stop_one on
  stop_one off
  jq -r --slurp 'select(.[0].failures == 0 and .[1].failures == 0) | "\(.[0].cpuUs.on / .[1].cpuUs.off) \(.[0].cpuUs.on) \(.[1].cpuUs.off)"' "$shop_folder/on.json" "$shop_folder/off.json" \
    >>"$shop_folder/$2.ratios"
}

report() { # report MODE CALL
  sort -n "$shop_folder/$1.ratios" | awk -v call="$2" '{ ratio[NR] = $1; sum += $2; without += $3 }
    END { printf "%-12s median %.3f, quartiles %.3f and %.3f, of %d pairs; all together %.3f: %.1f us with metrics, %.1f us without\n",
      call, (ratio[int((NR + 1) / 2)] + ratio[int(NR / 2) + 1]) / 2, ratio[int((NR + 3) / 4)], ratio[int((3 * NR + 1) / 4)], NR,
      sum / without, sum / NR, without / NR }'
}

cpu_us() { curl --silent --max-time 5 "http://127.0.0.1:$(metrics_port)/metrics" | awk '$1 == "process_cpu_seconds_total" { printf "%.0f", $2 * 1000000 }'; }

# The CPU time of one reading of the order service's metrics, of 200 readings.
reading() {
  local before after
  launch_one on order "$ORDERSHOP_BIN" ORDERSHOP_METRICS_LISTEN="127.0.0.1:$(metrics_port)"
  before=$(cpu_us)
  curl --silent --max-time 60 --output /dev/null "http://127.0.0.1:$(metrics_port)/metrics?[1-200]"
  after=$(cpu_us)
  stop_one on
  say "a reading takes $(((after - before) / 200)) us of CPU"
}

shop_start customer product inventory order
ports=("$(port_of crm)" "$(port_of mail)")
"$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --shop "$shop_folder/on.shop" --seconds 1 >/dev/null # makes what calls need
cp "$shop_folder/on.shop" "$shop_folder/off.shop"
for _ in $(seq "$pairs"); do
  pair customer get "$rate"
  pair order order $((rate / 5))
done
report get GetCustomer
report order CreateOrder
reading
