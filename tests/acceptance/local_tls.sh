#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# ORDERSHOP_TLS=mutual: up.sh makes the certificates, all scripts go by them without being told again, and all services of
# a shop speak the same.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests scripts"
command -v openssl >/dev/null || skip "no openssl"

reserve_ports
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT

local_script() {
  local name=$1
  shift
  "$ORDERSHOP_SOURCE/deploy/local/$name.sh" "$@"
}
all_down() { local_script down >/dev/null 2>&1; }
shop_at_end+=(all_down)

mutual() { ORDERSHOP_TLS=mutual local_script up --no-install "$@"; }
off() { ORDERSHOP_TLS=off local_script up --no-install "$@"; }
refuses() { # refuses STATUS PATTERN COMMAND...
  local expected=$1 pattern=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s (%s)\n' "$output" "$status"
  [ "$status" -eq "$expected" ] && grep -q -- "$pattern" <<<"$output"
}
lists() { "$ORDERSHOP_BIN/ordershop" --customer-address "127.0.0.1:$(port_of customer)" customer list; }
# With the variables that up.sh has printed for people.
lists_as_told() {
  local variables
  variables=$(sed -n 's/^  export \(ORDERSHOP_TLS_.*\)/\1/p' "$shop_folder/up")
  [ -n "$variables" ] && (eval "export $variables" && lists)
}
starts() { mutual >"$shop_folder/up" 2>&1 || { cat "$shop_folder/up" && return 1; }; }

expect "a value that is none is refused" refuses 2 "ORDERSHOP_TLS is 'yes', but must be mutual or off" \
  env ORDERSHOP_TLS=yes "$ORDERSHOP_SOURCE/deploy/local/up.sh" --no-install
expect "the shop starts and plays its demo over mutual TLS" starts
expect "who calls in plain text is told to use TLS" refuses 3 'speaks TLS: set ORDERSHOP_TLS_CA_FILE' lists
expect "with what up.sh prints, calls are answered" lists_as_told
expect "status.sh needs no variable" local_script status
expect "a service that is stopped" local_script down crm
expect "... and started speaks TLS again, without a variable" local_script up --no-install crm
expect "a shop that runs is not turned to plain text" refuses 1 'stop them first: down.sh' off
expect "it is stopped" local_script down
expect "... and turned to plain text" off redis customer
expect "which calls then are in" lists
expect "it is stopped again" local_script down
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
