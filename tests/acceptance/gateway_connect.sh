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

readonly connect_version=2.1.2

# Sets `modules` to a folder that has the client.
find_client() {
  modules=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/connect-$connect_version
  [ ! -e "$modules/complete" ] || return 0
  mkdir -p "$modules"
  exec 6>"$modules.lock"
  flock 6
  [ ! -e "$modules/complete" ] || return 0
  npm install --prefix "$modules" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "@connectrpc/connect@$connect_version" "@connectrpc/connect-node@$connect_version" @bufbuild/protobuf@2 \
    >"$shop_folder/why" 2>&1 && : >"$modules/complete"
}
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then skip "no npm on this machine"; fi
find_client || skip "no @connectrpc/connect: $(tail -n 1 "$shop_folder/why")"

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
