#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The v1 dialect of the gateway, as the reference architecture's client speaks it, call by call (gateway_v1.py).

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

cases() { /usr/bin/python3 "$ORDERSHOP_SOURCE/tests/acceptance/gateway_v1.py" -v "$@"; }

shop_start
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 20 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
expect "the reference's client finds what it expects, and errors are those of the dialect" cases Dialect
service_kill customer
expect "a service that is away is 503, and says when to try again" cases Away
kill -TERM "${shop_pid[gateway]}"
await_end gateway 60
expect "the gateway ends gracefully" test "$shop_status" -eq 0
shop_done
