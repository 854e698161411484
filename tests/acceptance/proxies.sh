#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A proxy that the environment names is for the web: no program of the shop calls another through it.

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

PATH=$ORDERSHOP_BIN:$PATH
# Nothing listens there: whoever asks it is told so at once.
readonly proxy=http://127.0.0.1:9
for variable in grpc_proxy https_proxy http_proxy all_proxy GRPC_PROXY HTTPS_PROXY HTTP_PROXY ALL_PROXY; do
  export $variable=$proxy
done
unset no_proxy NO_PROXY no_grpc_proxy

shop_start

check_health() {
  ORDERSHOP_LISTEN=$(address_of "$1") "ordershop-$1" --check-health
}

expect "all services say that they serve" ordershop health
for name in "${shop_services[@]}"; do
  expect "$name's own check of its health reaches it" check_health "$name"
done

orders() {
  local customer product
  customer=$(ordershop customer create --name Ada --email ada@example.com --quiet) &&
    product=$(ordershop product create --name Kettle --price 12.34 --quiet) &&
    ordershop stock create --product "$product" --amount 100 --quiet &&
    ordershop order create --customer "$customer" --product "$product" --quiet
}

welcome_is_sent() { ordershop mail list --to ada@example.com | grep 'Welcome to OrderShop.*SENT'; }

expect "services call their peers: an order is made" orders
expect "services call their peers: a mail is sent" wait_until 60 welcome_is_sent
expect "the load program reaches the shop" \
  ordershop load --host 127.0.0.1 --port-base "$shop_port_base" --mode get --in-flight 1 --seconds 1 --warm-up 0

# --- Unless it is asked for ---

expect "the proxy is used on request" ends_with 3 "" ordershop --use-proxy yes customer list
expect "the proxy is used on request of the environment" \
  ends_with 3 "" env ORDERSHOP_USE_PROXY=yes ordershop customer list
expect "the load program, which connects by itself, refuses it" \
  ends_with 2 "load connects by itself, not through a proxy" env ORDERSHOP_USE_PROXY=yes ordershop load --mode get --in-flight 1 --seconds 1 --warm-up 0
expect "a wrong word is refused" ends_with 2 use-proxy ordershop --use-proxy perhaps customer list
shop_done
