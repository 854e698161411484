#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Programs that are started without standard input, output or error: nothing that they open takes the place of those,
# and they work and end as ever.

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
readonly ways=('<&-' '>&-' '2>&-' '<&- >&-' '<&- 2>&-' '>&- 2>&-' '<&- >&- 2>&-')
shop_start product

# started REDIRECTIONS COMMAND...: with them, in the place of the shell
started() {
  local redirections=$1
  shift
  eval "exec \"\$@\" $redirections"
}

# What a process has under its descriptors 0 to 2.
standard_of() { readlink "/proc/$1/fd/0" "/proc/$1/fd/1" "/proc/$1/fd/2"; }

has_nothing_foreign() { [ "$(standard_of "$1" | grep -cE '^/dev/null$|\.log$')" -eq 3 ]; }

# Customer is started with the redirections, serves, and ends as it is told.
service_works_without() {
  local way=$1
  # shellcheck disable=SC2030 # service_start starts it from here
  ORDERSHOP_LISTEN=$(address_of customer) ORDERSHOP_REDIS_URL=redis://customer@127.0.0.1:$(port_of redis)/0 \
    ORDERSHOP_REDIS_PASSWORD_FILE=$shop_folder/users/customer.password started "$way" ordershop-customer \
    <"/dev/null" >>"$(log_of customer)" 2>&1 &
  shop_pid[customer]=$!
  wait_for_serving customer
  has_nothing_foreign "${shop_pid[customer]}" || { standard_of "${shop_pid[customer]}" && return 1; }
  ordershop customer create --name Ada --email ada@example.com --quiet && service_stop customer
}

for way in "${ways[@]}"; do
  expect "a service works and stops with $way" service_works_without "$way"
done

# says_and_ends WAY STATUS COMMAND...: with the redirections it ends with that status
ends_without() {
  local way=$1 wanted=$2 status=0
  shift 2
  (started "$way" timeout $((20 * shop_slowness)) "$@") || status=$?
  say "exit status $status"
  [ "$status" -eq "$wanted" ]
}

for way in "${ways[@]}"; do
  written=0
  [[ $way != *' >&-'* && $way != '>&-'* ]] || written=1 # there is no place for what was asked for
  expect "the command line says what it found with $way" ends_without "$way" "$written" ordershop product list
  expect "the load generator ends with $way" ends_without "$way" "$written" ordershop load --host 127.0.0.1 \
    --port-base "$shop_port_base" --help
done
expect "what can't be read is said" \
  ends_without '<&-' 2 ordershop product create --from -
shop_done
