#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A service of another brand (tests/packages/outside, built against the installed library) has nothing of OrderShop's names:
# neither in its variables, nor in what it sends, nor in its Redis. What remains is the contract of the StatusService, which
# all services on the runtime share, as they share grpc.health.v1.

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

# An installed library with sanitizers would need them in whatever is built on it.
if nm -D "$ORDERSHOP_BIN/ordershop-customer" 2>/dev/null | grep __asan_init >/dev/null; then
  skip "not applicable: sanitizers have nothing to see here"
fi

build=$shop_folder/build

service_builds() {
  cmake --install "${ORDERSHOP_BIN%/bin}" --component development --prefix "$shop_folder/prefix" &&
    cmake -S "$ORDERSHOP_SOURCE/tests/packages/outside" -B "$build" -G Ninja -DCMAKE_PREFIX_PATH="$shop_folder/prefix" &&
    cmake --build "$build"
}

# All that docs/own_service.md links to.
headers_are_installed() {
  local header count=0
  while read -r header; do
    [ -e "$shop_folder/prefix/include/ordershop/runtime/$header" ] || { echo "not installed: $header" && return 1; }
    count=$((count + 1))
  done < <(grep -o 'services/runtime/[a-z_/]*\.h' "$ORDERSHOP_SOURCE/docs/own_service.md" | cut -d / -f 3- | sort -u)
  [ "$count" -gt 5 ]
}

metrics_port() { port_of mail; } # none runs

# The shop's variables are in its environment, too, and lead nowhere.
service_starts_by_its_own_variables() {
  launch note env NOTEBOOK_LISTEN="127.0.0.1:$(spare_port)" NOTEBOOK_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" \
    NOTEBOOK_METRICS_LISTEN="127.0.0.1:$(metrics_port)" \
    ORDERSHOP_LISTEN=nowhere ORDERSHOP_REDIS_URL=nothing ORDERSHOP_GRACE_SECONDS=never "$build/notebook-note"
  wait_until 30 "$build/notebook-note" --check-health --listen "127.0.0.1:$(spare_port)"
}

writes_and_reads() { [ "$("$build/notebook-note_client" "127.0.0.1:$(spare_port)" hello)" = 'hello 1' ]; }
note_is_counted() { [ "$(redis hexists note_counts hello)" = 1 ]; }

# call METHOD BYTES [HEADER]: what a plain HTTP/2 client sees of a call: headers, trailers, and the error's details decoded
call() {
  local length
  printf '%b' "$2" >"$shop_folder/message"
  length=$(stat -c %s "$shop_folder/message")
  {
    printf '%b' "\\0\\0\\0\\0\\x$(printf %02x "$length")"
    cat "$shop_folder/message"
  } >"$shop_folder/request"
  curl --silent --show-error --max-time 30 --verbose --http2-prior-knowledge --header 'content-type: application/grpc' \
    --header 'te: trailers' ${3:+--header "$3"} --data-binary "@$shop_folder/request" --output /dev/null \
    "http://127.0.0.1:$(spare_port)/notes.v1.NoteService/$1" 2>&1 | grep '^<' | tr -d '\r' >"$shop_folder/answer"
  sed -n 's/^< grpc-status-details-bin: //p' "$shop_folder/answer" | sed 's/$/==/' | base64 -d 2>/dev/null |
    tee "$shop_folder/details" || true
  cat "$shop_folder/answer"
}

note_hello='\x0a\x07\x12\x05hello' # CreateNoteRequest{note: {text: "hello"}}
note_empty='\x0a\x00'
names_the_shop() { grep -aiq ordershop "$shop_folder/answer" "$shop_folder/details"; }

tells_its_position() {
  call CreateNote "$note_hello"
  grep -q '^< notebook-position: ' "$shop_folder/answer" && ! names_the_shop
}
error_is_of_its_domain() {
  call CreateNote "$note_empty"
  grep -aq 'FIELD_INVALID.*notebook\.example\.com' "$shop_folder/details" && ! names_the_shop
}
position_is_read_under_its_key() {
  call CreateNote "$note_hello" 'notebook-after: none'
  grep -aq POSITION_INVALID "$shop_folder/details" && ! names_the_shop || return 1
  call CreateNote "$note_hello" 'ordershop-after: none'
  grep -q '^< grpc-status: 0' "$shop_folder/answer"
}

# Keys, libraries of functions, and what its connections are called.
redis_has_nothing_of_the_shop() {
  redis exists notebook_clock | grep -x 1 || return 1
  redis function list | grep notebook_runtime_ || return 1
  { redis --scan && redis function list withcode && redis client list; } >"$shop_folder/redis-names"
  ! grep -i ordershop "$shop_folder/redis-names"
}

set_is_refused() { # set_is_refused FILE PATTERN
  local status=0
  "$ORDERSHOP_BIN/ordershop" events tail --no-follow --descriptor-set "$1" >"$shop_folder/tail" 2>&1 || status=$?
  [ "$status" -eq 2 ] && grep -q -- "descriptor-set: $1: $2" "$shop_folder/tail"
}

help_names_its_own_variables() {
  "$build/notebook-note" --help >"$shop_folder/help"
  grep -q NOTEBOOK_REDIS_URL "$shop_folder/help" && ! grep -i ordershop "$shop_folder/help"
}
warns_of_its_own_unknown_variable() {
  NOTEBOOK_GRACE_SECOND=5 NOTEBOOK_LISTEN=127.0.0.1:1 NOTEBOOK_TLS_KEY_FILE=/nowhere ends_with 1 \
    'notebook-note: NOTEBOOK_TLS_CERTIFICATE_FILE: is not set, but needed with NOTEBOOK_TLS_KEY_FILE' "$build/notebook-note"
}
# The values of labels tell the contract that all brands share.
metrics_are_of_its_brand() {
  curl --silent --max-time 30 "http://127.0.0.1:$(metrics_port)/metrics" >"$shop_folder/metrics"
  grep -q '^notebook_build_info{program="notebook-note",' "$shop_folder/metrics" &&
    grep -q '^grpc_server_handled_total{.*grpc_service="notes.v1.NoteService",' "$shop_folder/metrics" || return 1
  ! sed 's/grpc_service="ordershop\.v1\.[A-Za-z]*Service"//' "$shop_folder/metrics" | grep -i ordershop
}
log_names_nothing_of_the_shop() { ! grep -i ordershop "$(log_of note)"; }

# Texts of its code: the contract's names and comments are in its descriptor set and in protobuf-c's tables.
program_holds_nothing_of_the_shop() {
  strings -a "$build/notebook-note" | { grep -i '^ordershop\|^spiffe:.*ordershop' || true; } |
    { grep -vi '^ordershop[./_]*v1' || true; } | tee "$shop_folder/named" && [ ! -s "$shop_folder/named" ]
}

expect "a service of another brand is built" service_builds
expect "the headers that the guide for authors names are installed" headers_are_installed
shop_prepare
redis_start
expect "it is configured by its own variables alone" service_starts_by_its_own_variables
expect "its own client writes and reads" writes_and_reads
expect "it handles its own event" wait_until 30 note_is_counted
expect "the position of a command is told under its own key" tells_its_position
expect "an error is of its own domain" error_is_of_its_domain
expect "a position is awaited under its own key alone" position_is_read_under_its_key
expect "its Redis has no key, function or client of the shop's name" redis_has_nothing_of_the_shop
expect "a file that is no descriptor set is refused" set_is_refused "$ORDERSHOP_SOURCE/services/common/shop.h" "The descriptor set"
expect "a file that isn't there is named" set_is_refused /nowhere "No such file"
expect "nor is a folder a set" set_is_refused /tmp "Is a directory"
expect "its metrics have names of its own" metrics_are_of_its_brand
expect "its help names its own variables" help_names_its_own_variables
expect "an error of its configuration names its own variables" warns_of_its_own_unknown_variable
expect "its program holds nothing of the shop but the shared contract" program_holds_nothing_of_the_shop
expect "its log does not name the shop" log_names_nothing_of_the_shop
shop_done
