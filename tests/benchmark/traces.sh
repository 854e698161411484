#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures what traces cost a call: two customer services (for GetCustomer) or order services (for CreateOrder) are called
# at the same rate at the same time, one that sends spans to an OpenTelemetry collector, and one that doesn't. Prints the
# ratio of the CPU times that the two took for a call: median and quartiles of all pairs, and the ratio of the sums.
#
#   traces.sh [BIN [OTHER]]   BIN: folder of the executables (default build/bin; not a test build: fail points cost time)
#                             OTHER: executables for the one without traces (default BIN)
#
# TRACES_RATIO is how many of the traces are recorded (default 1, all of them), TRACES_PAIRS how many pairs there are of each call (default 20).
# TRACES_SECONDS is how long each takes (default 2), TRACES_RATE how many calls a second each of the two gets (default 500; of
# CreateOrder a fifth of it).

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
pairs=${TRACES_PAIRS:-20} seconds=${TRACES_SECONDS:-2} rate=${TRACES_RATE:-500}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/collector.sh
. "$root/tests/lib/collector.sh"

# shellcheck source-path=SCRIPTDIR source=pairs.sh
. "$root/tests/benchmark/pairs.sh"

collector=$(find_collector) || fail "no collector"
shop_start customer product inventory order
print_collector_settings "$(spare_port)" "$shop_folder/spans.json" >"$shop_folder/collector.yaml"
launch collector "$collector" --config "$shop_folder/collector.yaml"
wait_until 60 port_accepts "$(spare_port)" || fail "the collector does not listen"
on_variables=(ORDERSHOP_TRACES_ENDPOINT="http://127.0.0.1:$(spare_port)" ORDERSHOP_TRACES_RATIO="${TRACES_RATIO:-1}")
beside=''
measure traces
