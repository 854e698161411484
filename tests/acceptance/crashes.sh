#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A service that crashes names what it was at in the last line of its log: services of the shop, and one outside the tree,
# built against the installed library, with the mistakes that authors make.

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

[ "${ORDERSHOP_TEST_SLOWNESS:-1}" = 1 ] || {
  echo "not applicable: AddressSanitizer tells of crashes itself"
  exit 77
}
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
ulimit -c 0

# --- The shop's ---

# last_line_of NAME PATTERN
last_line_of() {
  tail -n 1 "$(log_of "$1")" | tee /dev/stderr | grep -E -- "$2"
}

crashes() { # crashes SERVICE SIGNAL PATTERN [VARIABLE=VALUE...]
  local name=$1 signal=$2 pattern=$3
  shift 3
  service_start "$name" "$@"
  wait_for_serving "$name"
  kill "-$signal" "${shop_pid[$name]}"
  await_end "$name" 30
  [ "$shop_status" -eq $((128 + $(kill -l "$signal"))) ] && last_line_of "$name" "$pattern"
}

# --- One outside the tree ---

outside=$shop_folder/outside

install_library() {
  cmake --install "${ORDERSHOP_BIN%/bin}" --component development --prefix "$shop_folder/prefix"
}

# build_note FUNCTION: with 200 KiB of local variables in that function of note_service.c
build_note() {
  cp -rT "$ORDERSHOP_SOURCE/tests/packages/outside" "$outside"
  sed -i "/^static .* $1(.*{\$/a \  volatile char room[200 * 1024];\n  for (size_t i = 0; i < sizeof room; i++) room[i] = 'x';" \
    "$outside/note_service.c"
  cmake -S "$outside" -B "$outside/build" -G Ninja -DCMAKE_PREFIX_PATH="$shop_folder/prefix" &&
    cmake --build "$outside/build"
}

compiler_warns_of_the_frame() { build_note "$1" 2>&1 | tee /dev/stderr | grep 'Wframe-larger-than'; }

note_crashes() { # note_crashes LOG-FORMAT PATTERN
  : >"$(log_of note)"
  launch note env NOTEBOOK_LISTEN="127.0.0.1:$(spare_port)" NOTEBOOK_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" \
    NOTEBOOK_LOG_FORMAT="$1" "$outside/build/notebook-note"
  wait_until 60 "$outside/build/notebook-note" --check-health --listen "127.0.0.1:$(spare_port)" || return 1
  timeout 30 "$outside/build/notebook-note_client" "127.0.0.1:$(spare_port)" "a text" || true
  await_end note 30
  [ "$shop_status" -eq $((128 + 11)) ] && last_line_of note "$2"
}

shop_prepare
redis_start
expect "a signal as of a fault is named, in logfmt" crashes customer SEGV \
  '^time=[^ ]* level=error service=customer message=crashed signal=SIGSEGV address=$'
expect "an abort is named, in JSON" crashes mail ABRT \
  '"level":"error","service":"mail","message":"crashed","signal":"SIGABRT","address":""}$' ORDERSHOP_LOG_FORMAT=json
expect "the library is installed" install_library
expect "the compiler warns of 200 KiB of local variables in what a method calls" compiler_warns_of_the_frame check_note
expect "such a method is named when it crashes" note_crashes logfmt \
  "message=\"crashed: a coroutine's stack is used up.* signal=SIGSEGV address=0x[0-9a-f]* method=CreateNote\$"
expect "the compiler warns of them in an event handler" compiler_warns_of_the_frame add_count
expect "such an event is named when it crashes" note_crashes json \
  "\"message\":\"crashed: a coroutine's stack is used up.*\"event\":\"note_created\",\"entry\":\"[0-9-]*\",\"key\":\"[0-9a-f-]*\"}\$"
shop_done
