#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Every script of the tree begins with the same lines, so that no setting of the caller's shell changes what it does, and
# finds its files however it was called.

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

cd -- "$ORDERSHOP_SOURCE"

# The files that are run (their first line names a program), and those that are sourced.
find_files() {
  git ls-files 2>/dev/null || find . -path './build*' -prune -o -type f -printf '%P\n'
}
scripts_of() { # scripts_of PATTERN: those whose first line is like that
  find_files | while IFS= read -r file; do
    [ -f "$file" ] || continue
    IFS= read -r first <"$file" 2>/dev/null || continue
    # shellcheck disable=SC2053 # a pattern
    [[ $first != $1 ]] || printf '%s\n' "$file"
  done 2>/dev/null
}

opening_of() { sed -n '/^# --- As in all scripts/,/^set -eu/p' "$1"; }
# Nothing but comments comes before it.
comes_first() { [ -z "$(sed '/^# --- As in all scripts/,$d; /^#/d; /^$/d' "$1")" ]; }

begin_alike() { # begin_alike PATTERN MODEL
  local file wrong=0 count=0
  while IFS= read -r file; do
    count=$((count + 1))
    if ! comes_first "$file" || ! cmp -s <(opening_of "$file") <(opening_of "$2"); then
      say "$file does not begin as $2"
      wrong=1
    fi
  done < <(scripts_of "$1")
  say "$count scripts"
  [ "$wrong" -eq 0 ] && [ "$count" -gt 3 ]
}

bash_scripts_keep_the_environment_out() {
  local others
  others=$(scripts_of '#!*bash*' | while IFS= read -r file; do
    [ "$(head -n 1 "$file")" = '#!/bin/bash -p' ] || echo "$file"
  done)
  echo "$others" && [ -z "$others" ]
}

# "--" before what may begin with a dash: a path that the script was called by.
paths_may_begin_with_a_dash() {
  # shellcheck disable=SC2016 # as it stands in the scripts
  ! { scripts_of '#!*sh*' && scripts_of '# shellcheck shell=*'; } |
    xargs -d '\n' grep -nE '(dirname|basename) "\$(\{BASH_SOURCE|0)|(cd|\.) "\$\(dirname|sed -n .*p. "\$0"'
}

# `grep -q` ends at its first match. What still writes into the pipe then dies of SIGPIPE, and with `pipefail` the match
# counts as none, now and then.
nothing_is_piped_into_quiet_grep() {
  ! { scripts_of '#!*bash*' && scripts_of '# shellcheck shell=*'; } |
    xargs -d '\n' grep -nE '(^|[^|])\| *grep (-[-a-zA-Z]+ )*-[a-zA-Z]*q'
}

expect "every script of bash begins alike" begin_alike '#!*bash*' deploy/local/up.sh
expect "and its first line has bash leave out what the environment says" bash_scripts_keep_the_environment_out
expect "every script of sh begins alike" begin_alike '#!/bin/sh' cmake/embed_file.sh
expect "a script's own path may begin with a dash" paths_may_begin_with_a_dash
expect "no script pipes into a grep that ends before its input does" nothing_is_piped_into_quiet_grep
shop_done
