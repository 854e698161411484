#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What tests/benchmark/run.sh says without measuring: wrong arguments, and the table that it makes of its cells.

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

run=$ORDERSHOP_SOURCE/tests/benchmark/run.sh report=$ORDERSHOP_SOURCE/tests/benchmark/report.py

refuses_wrong_arguments() {
  ends_with 2 "rounds: 'x' is not a number" "$run" --rounds x && ends_with 2 "unknown option" "$run" --frob &&
    ends_with 2 "needs a value" "$run" --peer && ends_with 2 "/nowhere/go/cmd/order is not there" "$run" --peer /nowhere &&
    ends_with 2 "/nowhere/ordershop is not there" "$run" /nowhere && ends_with 0 "refuse\|quiet" "$run" --help
}

# cell WHO ROW ROUND RATE CPU OTHERS
cell() {
  printf '{"who": "%s", "row": "%s", "round": %s, "perSecond": %s, "cpuUs": {"customer": %s}, "others": %s, "generatorCpuUs": 9}\n' "$@"
}

{
  for round in 1 2 3; do
    cell ours create_customer "$round" "$((3000 + round))" 60 0.1
    cell peer create_customer "$round" 1000 100 0.1
    cell ours get "$round" 500 50 0.1
    cell peer get "$round" 1000 50 0.1
    cell echo echo "$round" 1000 10 0.1
  done
  cell ours get 4 100000 1 0.9 # disturbed
} >"$shop_folder/cells"

table() { ends_with 1 "$1" "$report" "$shop_folder/cells"; }

expect "wrong arguments are refused, and named" refuses_wrong_arguments
expect "a goal that is reached is ok" table '^ok    CreateCustomer: CPU / peer .* 0.60 .*<= 0.7'
expect "a rate has to be above its goal" table '^ok    CreateCustomer: rate / peer .* 3.00 .* 3.00 .* 3.00 .*>= 1.5'
expect "a goal that is missed is SHORT, and cells that others disturbed don't count" \
  table '^SHORT GetCustomer: rate / echo .* 0.50 .* 0.50 .* 0.50 .*>= 0.7'
expect "what was not measured is told" table '^-     whole shop, mails delivered.*not measured'
expect "the end tells how many goals are reached" table '^2 of 4 goals reached, 13 not measured'
shop_done
