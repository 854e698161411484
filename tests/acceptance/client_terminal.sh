#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The command line on a real terminal (a pty): widths, colours, --watch, the progress bar, Ctrl-C; and beside it in a
# pipe, where nothing of that may be seen.

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

python3 -c 'import pty' 2>/dev/null || skip "python3 is not installed"
shop_start customer

on_terminal() { python3 "$ORDERSHOP_SOURCE/tests/acceptance/client_terminal_cases.py" "$1"; }

expect "tables fit the terminal, with an ellipsis" on_terminal tables_fit
expect "in a pipe nothing is cut" on_terminal pipes_cut_nothing
expect "colours come on a terminal only, unless NO_COLOR or TERM=dumb or --color say otherwise" on_terminal colors
expect "--watch redraws in place and puts the terminal back at Ctrl-C" on_terminal watch_redraws
expect "--watch prints anew in a pipe" on_terminal watch_prints_anew
expect "a progress bar comes on a terminal and is wiped away" on_terminal progress_bar
expect "Ctrl-C during --from says what was done, and the same request id goes on" on_terminal interrupted_bulk
expect "Ctrl-C ends a call that nobody answers, as a shell expects it" on_terminal interrupted_call
expect "a pipe that is closed ends the command without a word" on_terminal closed_pipe
shop_done
