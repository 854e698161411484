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

# shellcheck source-path=SCRIPTDIR source=pairs.sh
. "$root/tests/benchmark/pairs.sh"

metrics_port() { port_of event; }

# As Prometheus does, but once in some seconds, not in fifteen.
read_metrics() { sleep 1.5 && curl --silent --max-time 5 --output /dev/null "http://127.0.0.1:$(metrics_port)/metrics"; }

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
on_variables=(ORDERSHOP_METRICS_LISTEN="127.0.0.1:$(metrics_port)")
beside=read_metrics
measure metrics
reading
