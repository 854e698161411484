#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Connect's own client for JavaScript, @connectrpc/connect, is driven against the gateway (gateway_connect.mjs).

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
. "$ORDERSHOP_SOURCE/tests/lib/npm_packages.sh"
version=2.1.2
modules=$(find_npm_packages connect-$version "@connectrpc/connect@$version" "@connectrpc/connect-node@$version" @bufbuild/protobuf@2 \
  2>"$shop_folder/why") || skip "no @connectrpc/connect: $(tail -n 1 "$shop_folder/why")"

client_is_content() {
  cp "$ORDERSHOP_SOURCE/tests/acceptance/gateway_connect.mjs" "$shop_folder"
  ln -s "$modules/node_modules" "$shop_folder/node_modules"
  node "$shop_folder/gateway_connect.mjs" "http://127.0.0.1:$ORDERSHOP_GATEWAY_PORT" "$ORDERSHOP_SOURCE/gen/descriptor_set.pb"
}

shop_start customer crm mail
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 20 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
expect "Connect's client for JavaScript works with the gateway, in JSON and in protobuf" client_is_content
kill -TERM "${shop_pid[gateway]}"
await_end gateway 60
shop_done
