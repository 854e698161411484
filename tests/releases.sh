#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Runs the suites on each release of Debian with each server that the shop is for, on bare Debians of its own: as root,
# before a release of the shop. What is tested is what is committed.
#
#   releases.sh [--only PATTERN] [PLATFORM[:PATTERN]...]
#
#   --only PATTERN  only suites whose name matches, as in run.sh
#   PLATFORM        bookworm-redis (Redis 7.0), trixie-redis (Redis 8.0), trixie-valkey (Valkey 8.1); default: all. With
#                   a pattern of its own only those suites there
#
# Suites that need containers or other bare Debians are skipped there. The last line is the sum, `N passed, N failed,
# N skipped`. Exit status: 0 nothing failed; 1; 2 misuse; 77 there can be no bare Debian here, and why.

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source-path=SCRIPTDIR source=lib/debian_root.sh
. "$root/tests/lib/debian_root.sh"

readonly all=(bookworm-redis trixie-redis trixie-valkey)
only='' platforms=() passed=0 failed=0 skipped=0

misuse() {
  echo "releases.sh: $*; see releases.sh --help" >&2
  exit 2
}

while [ $# -gt 0 ]; do
  case $1 in
  --only)
    [ -n "${2:-}" ] || misuse "--only needs a pattern"
    only=$2
    shift
    ;;
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  *)
    [[ " ${all[*]} " == *" ${1%%:*} "* ]] || misuse "there is no platform '${1%%:*}'; there are ${all[*]}"
    platforms+=("$1")
    ;;
  esac
  shift
done
[ ${#platforms[@]} -gt 0 ] || platforms=("${all[@]}")

if obstacle=$(debian_root_obstacle); then
  echo "$obstacle"
  exit 77
fi

scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# make_release RELEASE: a bare Debian with the tree in $scratch/RELEASE; run.sh installs the rest
make_release() {
  [ ! -d "$scratch/$1" ] || return 0
  echo "Making a bare Debian: $1"
  debian_root_make "$scratch/$1" "$1" git >"$scratch/log" 2>&1 || {
    tail -n 20 "$scratch/log"
    return 1
  }
  git clone -q "$root" "$scratch/$1/root/ordershop"
}

install_server() { # install_server RELEASE SERVER
  debian_root_run "$scratch/$1" "ordershop/deploy/local/install_packages.sh $2-server $2-tools"
}

run_suites() { # run_suites RELEASE SERVER PATTERN
  debian_root_run "$scratch/$1" "cd ordershop; tests/run.sh --jobs 5 --redis $2 ${3:+--only $(printf %q "$3")}"
}

add_up() { # add_up LINE
  if [[ $1 =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2])) skipped=$((skipped + BASH_REMATCH[3]))
  else
    failed=$((failed + 1))
  fi
}

run_platform() { # run_platform RELEASE SERVER PATTERN
  local status=0 before=$failed
  if ! make_release "$1" || ! install_server "$1" "$2"; then
    failed=$((failed + 1))
    return
  fi
  run_suites "$1" "$2" "$3" </dev/null 2>&1 | tee "$scratch/suites" || status=$?
  add_up "$(tail -n 1 "$scratch/suites")"
  [ $status -eq 0 ] || [ "$failed" -gt "$before" ] || failed=$((failed + 1))
}

for choice in "${platforms[@]}"; do
  platform=${choice%%:*}
  pattern=${choice#"$platform"}
  printf '\n== %s\n' "$platform"
  [ -n "$pattern" ] || pattern=:$only
  run_platform "${platform%-*}" "${platform#*-}" "${pattern#:}"
done
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ] && [ $passed -gt 0 ]
