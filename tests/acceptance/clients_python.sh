#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A Python client (grpcio, no generated code) calls every kind of method of a running shop: see python_client.py.

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

/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || skip "no python3-grpcio or python3-protobuf here"

shop_start
export SHOP_INVENTORY_PID=${shop_pid[inventory]}
/usr/bin/python3 "$ORDERSHOP_SOURCE/tests/acceptance/python_client.py" >"$shop_folder/client" 2>&1 || true
sed '$d' "$shop_folder/client"
last=$(tail -n 1 "$shop_folder/client")
[[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed ]] || fail "the client has come to no end: $last"
shop_passed=${BASH_REMATCH[1]} shop_failed=${BASH_REMATCH[2]}
shop_done
