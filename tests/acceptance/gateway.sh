#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The gateway in front of a shop: resources and Connect beside gRPC, its limits, and its life (gateway.py, by Python's own
# HTTP client and by raw sockets).

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

gateway() { "$ORDERSHOP_BIN/ordershop-gateway" "$@"; }

gateway_start() { # gateway_start VARIABLE=VALUE...
  launch gateway env "$@" "$ORDERSHOP_BIN/ordershop-gateway"
  wait_until 20 env "$@" "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
}

gateway_stop() {
  kill -TERM "${shop_pid[gateway]}"
  await_end gateway 60
  [ "$shop_status" -eq 0 ]
}

cases() { "$python" "$ORDERSHOP_SOURCE/tests/acceptance/gateway.py" -v "$@"; }

gateway_runs_as_before() { gateway --check-health; }

second_gateway_ends() {
  ends_with 1 'ordershop-gateway: ORDERSHOP_GATEWAY_PORT or ORDERSHOP_LISTEN: .*the port is taken' gateway
}

answers_on_all_addresses() {
  "$python" - "$ORDERSHOP_GATEWAY_PORT" <<'PYTHON'
import socket, sys
for family, _, _, _, address in socket.getaddrinfo("localhost", int(sys.argv[1]), type=socket.SOCK_STREAM):
    socket.socket(family).connect(address)
PYTHON
}

needs_tokens() {
  printf 'reading-secret\n' >"$shop_folder/read"
  printf 'writing-secret\n' >"$shop_folder/write"
  gateway_start ORDERSHOP_GATEWAY_READ_TOKEN_FILE="$shop_folder/read" ORDERSHOP_GATEWAY_WRITE_TOKEN_FILE="$shop_folder/write"
  cases Tokens
  gateway_stop
}

names_and_origins_are_configured() {
  gateway_start ORDERSHOP_GATEWAY_HOSTS=shop.example ORDERSHOP_GATEWAY_CORS_ORIGINS=https://pages.example
  cases Origins
  gateway_stop
}

speaks_https() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$shop_folder/https.key" \
    -out "$shop_folder/https.crt" -addext subjectAltName=DNS:localhost 2>/dev/null
  gateway_start ORDERSHOP_GATEWAY_TLS_CERTIFICATE_FILE="$shop_folder/https.crt" ORDERSHOP_GATEWAY_TLS_KEY_FILE="$shop_folder/https.key"
  GATEWAY_CA=$shop_folder/https.crt cases Https
  gateway_stop
}

refuses_half_an_identity() {
  ends_with 1 'ORDERSHOP_GATEWAY_TLS_KEY_FILE' gateway --gateway-tls-certificate-file "$shop_folder/https.crt"
}

shop_start
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
for service in "${shop_services[@]}"; do export "SHOP_${service^^}_PID=${shop_pid[$service]}"; done
gateway_start
export GATEWAY_PID=${shop_pid[gateway]}
cases Patience >"$shop_folder/patience" 2>&1 &
patient=$!
is_patient() { wait "$patient" || { cat "$shop_folder/patience" && return 1; }; }
for group in Resources Connect PerService Everything Errors Protocol; do
  expect "$group: what gateway.py says of them" cases $group
done
expect "a second gateway at that port ends, and says why" second_gateway_ends
expect "it listens at all addresses of localhost" answers_on_all_addresses
expect "after all of that it is ready" gateway_runs_as_before
expect "an answer may be taken late" is_patient
expect "it ends by itself at SIGTERM, and calls under way are answered first" cases Drain
await_end gateway 60
expect "with tokens, reading and writing need them" needs_tokens
expect "names and origins beside localhost are those that are configured" names_and_origins_are_configured
expect "with a certificate it speaks HTTPS" speaks_https
expect "a certificate without its key is refused" refuses_half_an_identity
expect "an unknown setting is refused" ends_with 2 'no flag --gateway-prot' gateway --gateway-prot 1
shop_done
