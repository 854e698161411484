#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# grpc-health-probe, which Kubernetes manifests use, gets along with every service.

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
. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"

probe=$(find_go_tool grpc-health-probe github.com/grpc-ecosystem/grpc-health-probe v0.4.57 2>"$shop_folder/why") ||
  skip "no grpc-health-probe: $(tail -n 1 "$shop_folder/why")"

shop_start

says_not_serving() {
  local status=0
  "$probe" -addr="$1" -rpc-timeout=2s || status=$?
  [ "$status" -eq 4 ]
}

refuses_unknown_name() {
  local status=0
  "$probe" -addr="$1" -service=nobody || status=$?
  [ "$status" -ne 0 ]
}

for name in "${shop_services[@]}"; do
  address=$(address_of "$name")
  expect "$name is ready" "$probe" -addr="$address"
  expect "$name is ready under its service's name" "$probe" -addr="$address" -service="ordershop.v1.${name^}Service"
  expect "$name is alive" "$probe" -addr="$address" -service=liveness
  expect "$name does not know other names" refuses_unknown_name "$address"
done

redis_kill
expect "without Redis customer is not ready" wait_until 60 says_not_serving "$(address_of customer)"
expect "without Redis customer is alive" "$probe" -addr="$(address_of customer)" -service=liveness
redis_start
expect "with Redis back customer is ready again" wait_until 60 "$probe" -addr="$(address_of customer)"
shop_done
