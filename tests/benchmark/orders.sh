#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Measures a shop of its own, with all services that own something: CreateOrder of three products with 1 and with 64 in flight,
# CreateCustomer and GetCustomer with 64; the fsync latency of the disk beside them; what an order costs in CPU and in
# Redis' memory until everything that follows from it is done; and the memory of each service.
#
#   orders.sh [BIN]     BIN: folder of the executables (default build/bin; not a test build: fail points cost time)
#   ORDERS_WITH=event   variable: one more service that runs meanwhile; with event, also how much of Redis' memory an order
#                       takes when its events are archived, and how much the archive
#   ORDERS_REDIS=tls    variable: Redis is spoken to by TLS

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
seconds=${ORDERS_SECONDS:-10}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"
if [ "${ORDERS_REDIS:-}" = tls ]; then
  # shellcheck source-path=SCRIPTDIR source=../lib/tls_redis.sh
  . "$root/tests/lib/tls_redis.sh"
fi
shop_services=("${shop_owners[@]}" ${ORDERS_WITH:+"$ORDERS_WITH"})
shop_users_arguments=(--archive)
export ORDERSHOP_ARCHIVE_FOLDER=$shop_folder/archive

load() { "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --disk "$shop_folder" "$@"; }

orders() { redis ZCARD order_by_creation; }

# Everything that follows from the orders is done: both mails of each are sent.
all_is_done() { [ "$(redis XLEN events:mail_updated)" -ge $((2 * $(orders))) ]; }

cpu_us() { # of a process, in microseconds: all, and what the kernel took of it
  awk -v tick="$(getconf CLK_TCK)" '{ printf "%.0f %.0f", ($14 + $15) * 1000000 / tick, $15 * 1000000 / tick }' \
    "/proc/$1/stat"
}

say_cpu() { # of a process, for each of `count` orders, since it was in `before`
  local all kernel all_before kernel_before
  read -r all kernel <<<"$(cpu_us "${shop_pid[$1]}")"
  read -r all_before kernel_before <<<"${before[$1]}"
  say "$(printf '%-10s %4d us of CPU, %4d of them in the kernel' "$1" $(((all - all_before) / count)) \
    $(((kernel - kernel_before) / count)))"
}

memory_used() { redis INFO memory | tr -d '\r' | awk -F: '$1 == "used_memory" { print $2 }'; }

# Of the events that may leave Redis hardly any is left.
all_is_archived() {
  "$ORDERSHOP_BIN/ordershop" archive --older-than 0s --force --by benchmark --reason "to see what is left" >/dev/null &&
    [ "$(redis XLEN events:order_created)" -le 1 ]
}

shop_start
declare -A before=()
load --seconds 1 --warm-up 0 >/dev/null # makes what orders need
wait_until 120 all_is_done
for name in redis "${shop_services[@]}"; do before[$name]=$(cpu_us "${shop_pid[$name]}"); done
orders_before=$(orders) memory_before=$(memory_used)

say "--- CreateOrder, 64 in flight"
load --in-flight 64 --seconds "$seconds"
wait_until 300 all_is_done
count=$(($(orders) - orders_before))
say "--- per order, until everything that follows is done ($count orders)"
for name in redis "${shop_services[@]}"; do say_cpu "$name"; done
say "$(printf '%-10s %4d bytes of memory' redis $((($(memory_used) - memory_before) / count)))"
if [ "${ORDERS_WITH:-}" = event ]; then
  wait_until 300 all_is_archived || fail "the orders are not archived"
  say "$(printf '%-10s %4d bytes of memory, when they are archived' redis $((($(memory_used) - memory_before) / count)))"
  say "$(printf '%-10s %4d bytes of the disk' archive $(($(du -sb "$ORDERSHOP_ARCHIVE_FOLDER" | cut -f 1) / $(orders))))"
fi
say "--- CreateOrder, 1 in flight"
load --in-flight 1 --seconds "$seconds"
say "--- CreateCustomer, 64 in flight"
load --mode customer --in-flight 64 --seconds "$seconds"
say "--- GetCustomer, 64 in flight"
load --mode get --in-flight 64 --seconds "$seconds"
say "--- memory of the services"
for name in "${shop_services[@]}"; do
  say "$(printf '%-10s %s' "$name" "$(awk '/VmRSS/ { print $2, $3 }' "/proc/${shop_pid[$name]}/status")")"
done
