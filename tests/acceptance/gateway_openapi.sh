#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A client that makes its requests of /openapi.json alone, openapi-client-axios, is driven against the gateway
# (gateway_openapi.mjs).

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
version=7.9.1
modules=$(find_npm_packages openapi-client-axios-$version "openapi-client-axios@$version" axios@1 ajv@8 ajv-formats@3 \
  2>"$shop_folder/why") || skip "no openapi-client-axios: $(tail -n 1 "$shop_folder/why")"

client_is_content() {
  cp "$ORDERSHOP_SOURCE/tests/acceptance/gateway_openapi.mjs" "$shop_folder"
  ln -s "$modules/node_modules" "$shop_folder/node_modules"
  node "$shop_folder/gateway_openapi.mjs" "http://127.0.0.1:$ORDERSHOP_GATEWAY_PORT"
}

shop_start
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_until 20 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
expect "a client works with the gateway by its document alone, and answers are as the document says" client_is_content
kill -TERM "${shop_pid[gateway]}"
await_end gateway 60
shop_done
