#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# suite-seconds: 600
# Two replicas of a service are restarted in turn under calls of a gRPC client that spreads them over both and tries
# again what was UNAVAILABLE: no call fails. ORDERSHOP_TEST_RESTARTS says how often (30).

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

. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "no python3-grpcio here"
readonly restarts=${ORDERSHOP_TEST_RESTARTS:-30}

shop_start customer
second=127.0.0.1:$(spare_port)
declare -A address_of_replica=([customer]=$(address_of customer) [second]=$second)

replica_start() { # customer|second
  launch "$1" env ORDERSHOP_LISTEN="${address_of_replica[$1]}" \
    ORDERSHOP_REDIS_URL="redis://customer@127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/users/customer.password" "$ORDERSHOP_BIN/ordershop-customer"
  wait_until 60 replica_serves "$1" || fail "the replica $1 does not serve"
}

replica_serves() {
  ORDERSHOP_CUSTOMER_ADDRESS=${address_of_replica[$1]} "$ORDERSHOP_BIN/ordershop" health customer >/dev/null 2>&1
}

# Each waits until it is ready, then the other one is told to end: as a rolling update does.
restart_in_turn() {
  local i replica
  for i in $(seq "$restarts"); do
    replica=$([ $((i % 2)) -eq 0 ] && echo customer || echo second)
    service_stop "$replica"
    replica_start "$replica"
  done
}

replica_start second
launch caller /usr/bin/python3 "$ORDERSHOP_SOURCE/tests/acceptance/rolling_restarts.py" "$(address_of customer),$second"
expect "both replicas are restarted $restarts times" restart_in_turn
service_stop caller
cat "$(log_of caller)"

no_call_failed() { ! grep -v ' OK$' "$(log_of caller)"; }

expect "calls were made" grep -q ' OK$' "$(log_of caller)"
expect "no call failed" no_call_failed
service_stop second
shop_done
