#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The shop's events as server-sent events (gateway_events.py): what they are, that reconnecting loses and repeats nothing
# whatever restarts meanwhile, that places are bounded and come back, and who may have them.

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

gateway_start() { # gateway_start VARIABLE=VALUE...
  launch gateway env "$@" "$ORDERSHOP_BIN/ordershop-gateway"
  wait_until 60 env "$@" "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
  export GATEWAY_PID=${shop_pid[gateway]}
}

gateway_stop() {
  kill -TERM "${shop_pid[gateway]}"
  await_end gateway 60
  [ "$shop_status" -eq 0 ]
}

event_service_restarts() {
  service_kill event
  service_start event
  wait_for_serving event
  export SHOP_EVENT_PID=${shop_pid[event]}
}

cases() { "$python" "$ORDERSHOP_SOURCE/tests/acceptance/gateway_events.py" -v "$@"; }

has_reconnected() { [ "$(cat "$GATEWAY_RECONNECTS" 2>/dev/null || echo 0)" -ge "$1" ]; }

# Each restart waits for so many reconnects, or the end of the client.
restarts_meanwhile() {
  wait_until 300 has_reconnected 200 && event_service_restarts &&
    wait_until 300 has_reconnected 400 && gateway_stop && gateway_start &&
    wait_until 300 has_reconnected 600 && event_service_restarts &&
    wait_until 300 has_reconnected 800 && gateway_stop && gateway_start
}

thousand_reconnects() {
  cases Reconnects &
  local client=$! restarts=0 status=0
  restarts_meanwhile || restarts=$?
  [ "$restarts" -eq 0 ] || kill "$client"
  wait "$client" || status=$?
  return $((status + restarts))
}

away_at_the_beginning() {
  service_kill event
  cases Away || return 1
  service_start event
  wait_for_serving event
  export SHOP_EVENT_PID=${shop_pid[event]}
}

away_in_the_middle() {
  export GATEWAY_STARTED=$shop_folder/stream-is-open
  cases Meanwhile &
  local client=$!
  wait_until 60 test -e "$GATEWAY_STARTED" && event_service_restarts && wait "$client"
}

places_are_bounded() {
  gateway_stop
  gateway_start ORDERSHOP_GATEWAY_EVENT_STREAMS=100 ORDERSHOP_GATEWAY_EVENT_STREAMS_PER_ADDRESS=100
  cases Places
}

needs_tokens() {
  printf 'reading-secret\n' >"$shop_folder/read"
  printf 'writing-secret\n' >"$shop_folder/write"
  gateway_stop
  gateway_start ORDERSHOP_GATEWAY_READ_TOKEN_FILE="$shop_folder/read" ORDERSHOP_GATEWAY_WRITE_TOKEN_FILE="$shop_folder/write"
  cases Tokens
}

comes_by_https() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout "$shop_folder/https.key" \
    -out "$shop_folder/https.crt" -addext subjectAltName=DNS:localhost 2>/dev/null
  gateway_stop
  gateway_start ORDERSHOP_GATEWAY_TLS_CERTIFICATE_FILE="$shop_folder/https.crt" ORDERSHOP_GATEWAY_TLS_KEY_FILE="$shop_folder/https.key" \
    ORDERSHOP_GATEWAY_EVENT_STREAMS_PER_ADDRESS=3
  GATEWAY_CA=$shop_folder/https.crt cases Https
}

places_of_an_address_are_bounded() {
  gateway_stop
  gateway_start ORDERSHOP_GATEWAY_EVENT_STREAMS_PER_ADDRESS=3
  cases PlacesOfAnAddress
}

export GATEWAY_RECONNECTS=$shop_folder/reconnects
shop_start
ORDERSHOP_GATEWAY_PORT=$(spare_port)
export ORDERSHOP_GATEWAY_PORT
for service in "${shop_services[@]}"; do export "SHOP_${service^^}_PID=${shop_pid[$service]}"; done
gateway_start
expect "events come as they happen, and a stream can be resumed anywhere" cases Events
expect "what is asked wrongly is refused before the stream begins" cases Refusals
expect "1,000 reconnects neither lose nor repeat an event, whatever restarts meanwhile" thousand_reconnects
expect "who reads too slowly is ended, and costs nobody else anything" cases Slow
expect "an event service that is away at the beginning is 503" away_at_the_beginning
expect "an event service that restarts ends no stream" away_in_the_middle
expect "there is a bound on streams, and who vanishes gives back its place" places_are_bounded
expect "with tokens, events need that of reading" needs_tokens
expect "with a certificate, events come by HTTPS" comes_by_https
expect "there is a bound on streams of one address" places_of_an_address_are_bounded
expect "a stream ends well when the gateway stops" cases Drain
await_end gateway 60
shop_done
