#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Services outside the tree behind the gateway: they are there as soon as their addresses are configured, by the contract
# that they tell by reflection (gateway_own_services.py).

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

python=/usr/bin/python3
"$python" -c 'import grpc, google.protobuf' 2>/dev/null || skip "no grpcio or protobuf for Python"

gateway_ends() {
  kill -TERM "${shop_pid[gateway]}"
  await_end gateway 60
  [ "$shop_status" -eq 0 ]
}

refuses_an_address() {
  ORDERSHOP_COUPON_ADDRESS=dns: ends_with 1 'coupon' "$ORDERSHOP_BIN/ordershop-gateway"
}

shop_start customer mail
ORDERSHOP_GATEWAY_PORT=$(spare_port)
ORDERSHOP_COUPON_ADDRESS=127.0.0.1:$(($(spare_port) - 2)) ORDERSHOP_VOUCHER_ADDRESS=127.0.0.1:$(($(spare_port) - 3))
GATEWAY_LOG=$(log_of gateway)
export ORDERSHOP_GATEWAY_PORT ORDERSHOP_COUPON_ADDRESS ORDERSHOP_VOUCHER_ADDRESS GATEWAY_LOG
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 60 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
while read -r case; do
  expect "${case//_/ }" "$python" "$ORDERSHOP_SOURCE/tests/acceptance/gateway_own_services.py" -v "OwnServices.test_$case"
done <<'CASES'
one_that_starts_later_is_offered_and_is_503_while_it_is_away
one_that_comes_back_with_another_contract_is_offered_by_that
a_call_under_way_ends_by_the_contract_that_it_began_with
one_that_takes_what_is_anothers_is_not_offered_and_the_others_are
the_paths_of_the_dialect_stay_its_own
what_is_no_contract_changes_nothing
CASES
expect "it ends at once while a service can't be asked" gateway_ends
shop_done
