#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# tests/run.sh says on a terminal which suite runs and how many are done, and nothing of that anywhere else. It runs two
# suites of a small tree of its own. What has failed stands at the end once more.

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

tree=$shop_folder/tree
mkdir -p "$tree/tests/lib" "$tree/tests/quality" "$tree/deploy/local" "$tree"/{cmake,gen,proto,services,client}
cp "$ORDERSHOP_SOURCE/tests/run.sh" "$tree/tests"
cp "$ORDERSHOP_SOURCE/tests/lib/supervise.py" "$tree/tests/lib"
cp "$ORDERSHOP_SOURCE/deploy/services.txt" "$tree/deploy"
cp "$ORDERSHOP_SOURCE/deploy/local/packages.sh" "$tree/deploy/local"
printf 'cmake_minimum_required(VERSION 3.25)\nproject(small NONE)\nenable_testing()\n' >"$tree/CMakeLists.txt"
for suite in first second; do
  printf '#!/bin/sh\necho "1 passed, 0 failed"\n' >"$tree/tests/quality/$suite.sh"
  chmod +x "$tree/tests/quality/$suite.sh"
done
run=(env -u ORDERSHOP_TEST_BUILD "$tree/tests/run.sh" --no-install --jobs 1)

on_terminal() { # on_terminal TERM
  TERM=$1 python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "${run[@]}" >"$shop_folder/shown" </dev/null
}

says_what_runs() {
  on_terminal xterm && cat -A "$shop_folder/shown" &&
    grep '0 of 2 suites done, running: quality/first.sh' "$shop_folder/shown" &&
    grep '1 of 2 suites done, running: quality/second.sh' "$shop_folder/shown"
}

# What stands below the results is gone when they are printed.
results_stand_alone() {
  sed 's/.*\r\x1b\[K//; s/\r$//' "$shop_folder/shown" >"$shop_folder/left"
  cat "$shop_folder/left"
  grep '^passed  *quality/first.sh' "$shop_folder/left" && [ "$(tail -n 1 "$shop_folder/left")" = "2 passed, 0 failed, 0 skipped" ] &&
    ! grep 'suites done' "$shop_folder/left"
}

says_results_only() {
  cat -A "$shop_folder/shown"
  grep '2 passed, 0 failed, 0 skipped' "$shop_folder/shown" && ! grep 'suites done' "$shop_folder/shown" && ! grep $'\e' "$shop_folder/shown"
}
without_terminal() { "${run[@]}" >"$shop_folder/shown" 2>&1 && says_results_only; }
on_dumb_terminal() { on_terminal dumb && says_results_only; }

expect "on a terminal it says which suite runs, and how many are done" says_what_runs
expect "that line doesn't mix with the results" results_stand_alone
expect "without a terminal it says the results only" without_terminal
expect "on one that can't clear a line, too" on_dumb_terminal

printf '#!/bin/sh\necho "FAILED: two and two are four"\necho "0 passed, 1 failed"\nexit 1\n' >"$tree/tests/quality/second.sh"
says_what_failed_last() {
  "${run[@]}" >"$shop_folder/shown" 2>&1 && return 1
  cat "$shop_folder/shown"
  [ "$(tail -n 3 "$shop_folder/shown")" = $'FAILED   quality/second.sh\n  | FAILED: two and two are four\n1 passed, 1 failed, 0 skipped' ]
}
expect "what has failed stands at the end" says_what_failed_last
shop_done
