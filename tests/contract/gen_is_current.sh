#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Is gen/ what proto/ makes? Generates again into a temporary folder and compares.
# Exit status: 0 yes; 1 no; 77 can't be told here, because the generators are missing or not those that made gen/.

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

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."

skip() {
  echo "gen_is_current: skipped: $1"
  exit 77
}

for tool in protoc-c protoc; do
  command -v "$tool" >/dev/null || skip "no $tool on this machine"
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
gen/generate.sh --version >"$scratch/VERSION"
cmp -s gen/VERSION "$scratch/VERSION" ||
  skip "gen/ was made by $(paste -sd, gen/VERSION), here is $(paste -sd, "$scratch/VERSION")"

status=0
gen/generate.sh "$scratch" || status=$?
[ $status -ne 69 ] || skip "see above"
[ $status -eq 0 ] || exit 1
stale=0
for made in "$scratch"/*; do
  diff -rq "gen/$(basename "$made")" "$made" || stale=1
done
if [ $stale -ne 0 ]; then
  echo "gen_is_current: gen/ is not what proto/ makes; run: gen/generate.sh"
  exit 1
fi
echo "gen_is_current: gen/ is what proto/ makes"
