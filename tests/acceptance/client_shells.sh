#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# What the program makes of its own commands for others: completion in bash, zsh and fish (those that are installed), and
# manual pages; and the exit statuses, which are the same in all programs.

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
shop_start customer
ada=$(ordershop customer create --name 'Ada Lovelace' --email ada@example.com --quiet)
for shell in bash zsh fish; do ordershop completion $shell >"$shop_folder/completion.$shell"; done

# --- Completion ---

# in_bash WORD...: candidates for the last word, as readline would ask for them
in_bash() {
  bash -euc '
    . "$0"
    COMP_WORDS=(ordershop "$@") COMP_CWORD=$#
    _ordershop 2>&1
    printf "%s\n" "${COMPREPLY[@]}"' "$shop_folder/completion.bash" "$@"
}

# in_fish LINE: the same of a line
in_fish() { HOME=$shop_folder fish -c "source $shop_folder/completion.fish; complete -C '$1'" | cut -f 1; }

# is TEXT COMMAND...
is() {
  local expected=$1 actual
  shift
  actual=$("$@") || return 1
  [ "$actual" = "$expected" ] || { say "expected: $expected" "actual: $actual" && return 1; }
}

bash_completes() {
  is customer in_bash cust && is $'create\nget\nlist\nupdate\ndelete' in_bash customer '' &&
    is --email in_bash customer create --em && is "$ada" in_bash customer get "${ada:0:8}" &&
    is "$ada" in_bash order create --customer ada && is $'always' in_bash customer list --color = al &&
    is create in_bash help order cr && is mail in_bash health ma && is '' in_bash nonsense ''
}

fish_completes() {
  is customer in_fish 'ordershop cust' && is "$ada" in_fish 'ordershop order create --customer ada' &&
    is --color=never in_fish 'ordershop --color=n'
}

# zsh completes in its line editor only: it types a line and Tab on a terminal.
zsh_completes() {
  HOME=$shop_folder python3 "$ORDERSHOP_SOURCE/tests/acceptance/client_zsh_types.py" \
    "$shop_folder/completion.zsh" 'ordershop order create --customer ada' "$ada"
}

completion_is_silent_without_a_shop() {
  is '' env ORDERSHOP_CUSTOMER_ADDRESS=127.0.0.1:1 ORDERSHOP_BIN="$ORDERSHOP_BIN" ordershop __complete -- customer get '' &&
    is '' env ORDERSHOP_PORT_BASE=nonsense ordershop __complete -- customer get ''
}

# --- Manual pages ---

manual_has_every_command() {
  ordershop __manual | sed 's/\\//g' >"$shop_folder/ordershop.1"
  local noun verb
  while read -r noun; do
    for verb in $(ordershop __complete -- "$noun" '' | cut -f 1); do
      grep -F ".SS ordershop $noun $verb" "$shop_folder/ordershop.1" >/dev/null || { say "no $noun $verb" && return 1; }
    done
  done < <(ordershop __complete -- '' | cut -f 1 | grep -vx 'stock\|event\|help\|health\|completion\|status\|demo')
}

# All that a formatter has to say about a page; nothing is what is wanted.
# shellcheck disable=SC2069 # what it formats is not wanted
formatter_complains() { man --warnings -E UTF-8 -l -Tutf8 "$1" 2>&1 >/dev/null; }

manuals_are_well_formed() {
  local page
  ordershop __manual >"$shop_folder/ordershop.1"
  for page in "$shop_folder/ordershop.1" "$ORDERSHOP_SOURCE"/client/man/*; do
    is '' formatter_complains "$page" || return 1
    [ "$(man -l -Tutf8 "$page" 2>/dev/null | wc -l)" -gt 20 ] || return 1
  done
}

# --- Exit statuses ---

exits() { # exits STATUS COMMAND...
  local expected=$1 actual=0
  shift
  "$@" || actual=$?
  [ "$actual" -eq "$expected" ] || { say "exit status $actual instead of $expected: $*" && return 1; }
}

commands_exit_as_documented() {
  exits 0 ordershop customer get "$ada" && exits 1 ordershop customer get "${ada/[0-9a-f]/z}" &&
    exits 2 ordershop customer gett "$ada" && exits 2 ordershop customer list --port-base x &&
    exits 2 ordershop customer create --from /nowhere &&
    exits 3 ordershop customer list --timeout 1 --customer-address 127.0.0.1:1
}

load_exits_as_documented() {
  exits 0 ordershop load --mode get --seconds 1 --warm-up 0 &&
    exits 2 ordershop load --frob && exits 2 ordershop load --seconds x && exits 2 ordershop load --disk /nowhere &&
    exits 2 env ORDERSHOP_PORT_BASE=x ordershop load &&
    exits 2 ordershop load --rate 10 --in-flight 10 &&
    exits 3 env ORDERSHOP_CUSTOMER_ADDRESS=127.0.0.1:1 ordershop load --seconds 1
}

load_reads_its_host() {
  env -u ORDERSHOP_CUSTOMER_ADDRESS ORDERSHOP_HOST=shop.invalid ordershop load --mode get --seconds 1 2>"$shop_folder/said" || true
  grep -F 'shop.invalid:' "$shop_folder/said"
}

services_exit_as_documented() {
  exits 0 ordershop-customer --version && exits 2 ordershop-customer --frob 1 && exits 2 ordershop-customer frob &&
    exits 1 ordershop-customer --listen x
}

output_that_cannot_be_written_is_told() {
  exits 1 ordershop customer list >/dev/full 2>"$shop_folder/said"
  grep -F "can't write to standard output" "$shop_folder/said"
}

expect "bash completes commands, flags, values, and ids by a name" bash_completes
if command -v fish >/dev/null; then expect "fish completes likewise" fish_completes; fi
if command -v zsh >/dev/null; then expect "zsh completes likewise" zsh_completes; fi
expect "completion is silent where the shop is away" completion_is_silent_without_a_shop
expect "the manual has every command" manual_has_every_command
if command -v man >/dev/null; then expect "manual pages are well formed" manuals_are_well_formed; fi
expect "the command line exits as documented" commands_exit_as_documented
expect "the load generator exits as documented" load_exits_as_documented
expect "the load generator reads ORDERSHOP_HOST" load_reads_its_host
expect "services exit as documented" services_exit_as_documented
expect "output that can't be written is told" output_that_cannot_be_written_is_told
shop_done
