#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Runs in the client's pod: customers and orders, one after the other, by the command line, until its standard input
# ends. Prints what was acknowledged, `customer <id> <address>` and `order <id> <address>`, and `refused <what> <address>`,
# and behind each when the call began and ended, in seconds since 1970.
#
#   writer.sh TAG PRODUCT_ID

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

set -uo pipefail

id_of() { sed -n 's/.*"id": *"\([^"]*\)".*/\1/p' | sed -n 1p; }

stdin_is_open() {
  local status=0
  read -r -t 0.001 _ || status=$?
  [ "$status" -ne 1 ]
}

# report WORD...
report() { echo "$* $began $EPOCHREALTIME"; }

number=0
while stdin_is_open; do
  number=$((number + 1))
  address=$1.$number@example.com
  began=$EPOCHREALTIME
  if ! customer=$(ordershop --json customer create --name "Writer $number" --email "$address" </dev/null); then
    report "refused customer $address"
    continue
  fi
  customer=$(id_of <<<"$customer")
  report "customer $customer $address"
  began=$EPOCHREALTIME
  if order=$(ordershop --json order create --customer "$customer" --product "$2" </dev/null); then
    report "order $(id_of <<<"$order") $address"
  else
    report "refused order $address"
  fi
done
