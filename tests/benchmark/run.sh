#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures the goals of docs/performance.md in one go: a shop of its own, with the shipped Redis configuration, beside a bare
# gRPC echo and, where there is one, another implementation of the same API ("the peer"). All are called by the same
# load generator (`ordershop load`), in rounds that are interleaved, so that what the machine does meanwhile hits all alike.
# Prints a row for each goal: ours, the other, their ratio with least and most of all rounds, the goal, and whether it is
# reached. Only ratios mean anything on another machine.
#
#   run.sh [--peer FOLDER] [--rounds N] [--seconds N] [--growth ORDERS] [--keep FOLDER] [--anyway] [BIN]
#
#   --peer FOLDER     where FOLDER/go has another implementation, as Go programs cmd/customer, cmd/inventory (with product)
#                     and cmd/order: its rows are measured, too
#   --rounds N        5
#   --seconds N       of a cell; 2
#   --growth ORDERS   also compare CreateOrder in a shop of 10,000 products and so many orders with that in a small one
#                     (1000000 take about an hour and 8 GB)
#   --keep FOLDER     where cells.jsonl stays, with the report of each cell
#   --anyway          measure even if something else uses the machine
#   BIN               folder of the executables (build/bin, and build/tests/benchmark beside it; not a test build: fail
#                     points cost time)
#
# Exit status: 0 all goals that were measured are reached, 1 not all, 2 it could not measure, or the machine is not quiet.

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

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd -- "$here/../.." && pwd -P)

# --- Arguments ---

usage() {
  echo "run.sh: $*; see --help" >&2
  exit 2
}

number() { [[ $2 =~ ^[1-9][0-9]*$ ]] || usage "$1: '$2' is not a number from 1 on"; }

peer='' rounds=5 seconds=2 growth=0 keep='' anyway='' bin=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --peer | --rounds | --seconds | --growth | --keep)
    [ $# -gt 1 ] || usage "$1 needs a value"
    case $1 in --peer | --keep) ;; *) number "$1" "$2" ;; esac
    declare "${1#--}=$2"
    shift
    ;;
  --anyway) anyway=yes ;;
  -*) usage "unknown option '$1'" ;;
  *) bin=$1 ;;
  esac
  shift
done
[ -z "$peer" ] || [ -d "$peer/go/cmd/order" ] || usage "--peer: $peer/go/cmd/order is not there"
[ -z "$peer" ] || command -v go >/dev/null || usage "--peer: there is no go to build it with"
for program in jq python3; do command -v $program >/dev/null || usage "$program is not installed"; done

export ORDERSHOP_SOURCE=$root ORDERSHOP_BIN=${bin:-$root/build/bin}
tools=$ORDERSHOP_BIN/../tests/benchmark
for program in "$ORDERSHOP_BIN/ordershop" "$tools/grpc_echo_benchmark" "$tools/stream_loop_benchmark"; do
  [ -x "$program" ] || usage "$program is not there: cmake -S . -B build -G Ninja -DORDERSHOP_TESTS=ON && ninja -C build"
done
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
shop_services=("${shop_owners[@]}")
keep=${keep:-$shop_folder/cells}
mkdir -p "$keep"
keep=$(cd "$keep" && pwd -P)
cells=$keep/cells.jsonl
: >"$cells"

# --- A quiet machine ---

# The part of a core that is busy while nothing of ours runs, in percent.
busy() {
  awk -v tick="$(getconf CLK_TCK)" '
    function used(  field) { getline <"/proc/stat"; close("/proc/stat"); split($0, field); return field[2] + field[3] + field[4] + field[7] + field[8] }
    BEGIN { before = used(); system("sleep 2"); printf "%.0f", (used() - before) * 100 / tick / 2 }' </dev/null
}

require_quiet() {
  local others
  others=$(busy)
  [ "$others" -gt 15 ] || return 0
  say "WARNING: others use $others % of a core"
  [ -n "$anyway" ] || {
    say "The machine is not quiet: what would be measured are they. --anyway measures all the same."
    exit 2
  }
}

# --- What is measured against ---

peer_port() { echo $((shop_port_base + $1)); } # between those of the shop: 8 to 17 are free

launch_echo() {
  launch echo "$tools/grpc_echo_benchmark" "127.0.0.1:$(peer_port 8)"
  wait_until 30 port_is_taken "$(peer_port 8)" || fail "the echo does not listen"
}

launch_peer() {
  local at=127.0.0.1 redis
  mkdir -p "$shop_folder/peer/redis"
  (cd "$peer/go" && GOFLAGS=-buildvcs=false go build -o "$shop_folder/peer/" ./cmd/customer ./cmd/inventory ./cmd/order) ||
    fail "the peer can't be built"
  redis=$(peer_port 9)
  launch peer_redis redis-server "$root/deploy/redis/transactional.conf" --bind 127.0.0.1 --port "$redis" --dir "$shop_folder/peer/redis"
  wait_until 30 port_is_taken "$redis" || fail "the peer's Redis does not listen"
  launch peer_customer "$shop_folder/peer/customer" -redis "redis://$at:$redis/0" -listen "$at:$(peer_port 10)"
  launch peer_inventory "$shop_folder/peer/inventory" -redis "redis://$at:$redis/0" -listen-product "$at:$(peer_port 11)" \
    -listen "$at:$(peer_port 12)"
  launch peer_order "$shop_folder/peer/order" -redis "redis://$at:$redis/0" -listen "$at:$(peer_port 13)" \
    -customer "dns:///$at:$(peer_port 10)" -product "dns:///$at:$(peer_port 11)" -inventory "dns:///$at:$(peer_port 12)"
  for port in 10 11 12 13; do wait_until 30 port_is_taken "$(peer_port $port)" || fail "the peer does not listen"; done
}

port_is_taken() { ! port_is_free "$1"; }

end_others() {
  local name
  for name in echo peer_order peer_inventory peer_customer peer_redis; do
    [ -z "${shop_pid[$name]:-}" ] || kill "${shop_pid[$name]}" 2>/dev/null || true
  done
}
shop_at_end+=(end_others)

# --- Cells ---

watched() { # watched NAME...: for --watch
  local name all=()
  for name; do ! is_running "$name" || all+=("$name=${shop_pid[$name]}"); done
  (IFS=, && echo "${all[*]}")
}

# cell WHO ROW FLAG...: a run of the load generator, whose report is added to the cells. Another one follows, twice at most,
# if others have used more than a quarter of a core, unless they always do (--anyway).
cell() {
  local who=$1 row=$2 tries flags=()
  shift 2
  case $who in
  ours) flags=(--watch "$(watched "${shop_services[@]}" redis)") ;;
  echo) flags=(--customer-address "127.0.0.1:$(peer_port 8)" --watch "$(watched echo)") ;;
  peer)
    flags=(--customer-address "127.0.0.1:$(peer_port 10)" --product-address "127.0.0.1:$(peer_port 11)"
      --inventory-address "127.0.0.1:$(peer_port 12)" --order-address "127.0.0.1:$(peer_port 13)"
      --watch "$(watched peer_customer peer_inventory peer_order peer_redis)")
    ;;
  esac
  for tries in 1 2 3; do
    "$ORDERSHOP_BIN/ordershop" load --json --seconds "$seconds" --warm-up 1 --shop "$shop_folder/$who.shop" "${flags[@]}" "$@" \
      >"$shop_folder/cell.json" || [ -s "$shop_folder/cell.json" ] || fail "$who $row: no report"
    jq -c --arg who "$who" --arg row "$row" --argjson round "$round" --argjson tries $tries \
      '. + {who: $who, row: $row, round: $round, tries: $tries}' \
      "$shop_folder/cell.json" >"$shop_folder/cell.line"
    if [ -n "$anyway" ] || jq -e '(.others // 0) <= 0.25' "$shop_folder/cell.json" >/dev/null; then break; fi
  done
  cat "$shop_folder/cell.line" >>"$cells"
}

# note ROW JSON: something that is not a run of the load generator
note() {
  jq -nc --arg row "$1" --argjson round "$round" --argjson value "$2" '{who: "ours", row: $row, round: $round} + $value' >>"$cells"
}

one_round() {
  local who
  cell echo echo --mode customer
  for row in get:get customer:create_customer order:create_order; do
    for who in ours ${peer:+peer}; do cell "$who" "${row#*:}" --mode "${row%:*}"; done
  done
  for row in customer:create_customer order:create_order; do
    for who in ours ${peer:+peer}; do cell "$who" "${row#*:}_alone" --mode "${row%:*}" --in-flight 1; done
  done
}

# --- The whole shop ---

orders() { redis XLEN events:order_created; }
mails() { redis XLEN events:mail_created; }

# Each order has led to its mails, and each mail that was recorded is delivered, which is its update.
all_is_delivered() {
  [ "$(mails)" -ge $((mails_before + 2 * ($(orders) - orders_before))) ] && [ "$(redis XLEN events:mail_updated)" -ge "$(mails)" ]
}

# Asks seldom: asking costs the machine more than a mail does.
await_delivery() { # await_delivery SECONDS
  local end=$((SECONDS + $1))
  until all_is_delivered; do
    [ $SECONDS -lt $end ] || fail "mails are not delivered"
    sleep 0.1
  done
}

cpu_us() { # of processes so far, in microseconds
  local pid
  for pid; do cat "/proc/$pid"/task/*/schedstat; done | awk '{ sum += $1 } END { printf "%.0f", sum / 1000 }'
}

shop_cpu_us() {
  local name pids=()
  for name in "${shop_services[@]}" redis; do pids+=("${shop_pid[$name]}"); done
  cpu_us "${pids[@]}"
}

# until_delivered ROW FLAG...: orders a second until every mail that they lead to is delivered, and what an order costs.
until_delivered() {
  local row=$1 begun cpu_before count ms
  shift
  mails_before=$(mails) orders_before=$(orders) begun=${EPOCHREALTIME/./} cpu_before=$(shop_cpu_us)
  cell ours "$row" --mode order --warm-up 0 "$@"
  await_delivery 600
  ms=$(((${EPOCHREALTIME/./} - begun) / 1000)) count=$(($(orders) - orders_before))
  note "${row}_delivered" "{\"orders\": $count, \"perSecond\": $((count * 1000 / ms)), \"cpuUs\": $((($(shop_cpu_us) - cpu_before) / count))}"
}

whole_shop() {
  local half
  for ((round = 1; round <= rounds; round++)); do
    cell echo whole_echo --mode customer
    until_delivered whole --seconds 4
  done
  half=$(jq -rs '[.[] | select(.row == "whole_delivered") | .perSecond] | sort | .[length / 2 | floor] / 2 | floor' "$cells")
  for ((round = 1; round <= rounds; round++)); do
    until_delivered half --rate "$half" --seconds 4
    until_delivered mails_half --rate "$half" --seconds 4 --mails --redis-url "redis://127.0.0.1:$(port_of redis)/0"
    until_delivered mails_whole --seconds 4 --mails --redis-url "redis://127.0.0.1:$(port_of redis)/0"
  done
}

# --- Catching up ---

position_of() { redis HGET crm_position "$1"; }
last_of() { redis --raw XREVRANGE "events:$1" + - COUNT 1 | sed -n 1p; }

crm_is_at() { # STREAM ENTRY
  awk -v at="$(position_of "$1")" -v wanted="$2" 'BEGIN { split(at, a, "-"); split(wanted, w, "-"); exit !(a[1] > w[1] || (a[1] == w[1] && a[2] >= w[2])) }'
}
crm_has_caught_up() { crm_is_at customer_created "$last_customer" && crm_is_at order_created "$last_order"; }

catch_up() {
  local waiting begun bare
  waiting=$(($(redis XLEN events:customer_created) + $(redis XLEN events:order_created)))
  last_customer=$(last_of customer_created) last_order=$(last_of order_created)
  bare=$("$tools/stream_loop_benchmark" "$(port_of redis)" events:customer_created)
  service_start mail
  wait_for_serving mail
  begun=${EPOCHREALTIME/./}
  service_start crm
  wait_until 900 crm_has_caught_up || fail "crm does not catch up"
  note catch_up "{\"events\": $waiting, \"perSecond\": $((waiting * 1000000 / (${EPOCHREALTIME/./} - begun))), \"bare\": $bare}"
}

# --- The rest ---

memory() {
  local name
  for name in "${shop_services[@]}"; do
    note rss "$(awk -v name="$name" '/VmRSS/ { printf "{\"service\": \"%s\", \"mb\": %.1f}", name, $2 / 1024 }' "/proc/${shop_pid[$name]}/status")"
  done
}

starts() {
  local name ms
  while read -r name ms _; do note start "{\"service\": \"$name\", \"ms\": $ms}"; done < <("$here/start.sh" "$ORDERSHOP_BIN" | grep ' ms ')
}

grow() {
  local large=(--shop "$shop_folder/large.shop" --prepare 10000)
  say "growing to 10,000 products and $growth orders"
  "$ORDERSHOP_BIN/ordershop" load --mode order --seconds 1 "${large[@]}" >/dev/null
  while [ "$(orders)" -lt "$growth" ]; do
    "$ORDERSHOP_BIN/ordershop" load --mode order --warm-up 0 --seconds 30 "${large[@]}" >/dev/null || true
  done
  for ((round = 1; round <= rounds; round++)); do cell ours large --mode order "${large[@]}"; done
}

# --- All ---

round=0
require_quiet
say "$(nproc) cores, $(awk -F ': ' '/model name/ { print $2; exit }' /proc/cpuinfo), $(redis-server --version | cut -d ' ' -f 3), $rounds rounds of $seconds s"
starts
shop_start customer product inventory order
launch_echo
[ -z "$peer" ] || launch_peer
for ((round = 1; round <= rounds; round++)); do
  say "round $round of $rounds"
  one_round
done
[ "$growth" -eq 0 ] || grow
say "catching up"
catch_up
service_start billing
wait_for_serving billing
mails_before=0 orders_before=0
await_delivery 1800 # the mails of the first rounds
say "the whole shop"
whole_shop
memory
for name in "${shop_services[@]}"; do service_stop "$name"; done
redis_stop
status=0
python3 "$here/report.py" "$cells" || status=$?
rm -f "$shop_folder"/*.log # goals that are not reached are no failure of the shop, which would show its logs
