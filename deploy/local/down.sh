#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Stops the shop that up.sh started: all of it, or the named parts only; the others stay up.
#
#   down.sh [redis|SERVICE|gateway ...]
#
# Services end gracefully (SIGTERM): calls in flight are answered first. Which shop: ORDERSHOP_HOME, as with up.sh.
# Exit status: 0 all that was named is down; 1 something had to be killed; 2 misuse.

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

# shellcheck source-path=SCRIPTDIR source=lib.sh
. -- "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if contains --help "$@" || contains -h "$@"; then
  print_help
  exit 0
fi
choose_parts "$@"
if ! find_home; then
  say "Nothing runs: there is no shop in $home"
  exit 0
fi
lock_home
running=()
for part in "${chosen[@]}"; do
  if part_pid "$part" >/dev/null || { [ "$part" = redis ] && helper_runs; }; then
    running+=("$part")
  else
    rm -f "$home/run/$part.pid"
  fi
done
if [ ${#running[@]} -eq 0 ]; then
  say "Nothing to stop: ${chosen[*]}"
  exit 0
fi
stop_parts "${running[@]}"
