#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Lints proto/ and refuses changes that break callers or stored events, compared with the last landed state:
#   BASE_REF   a git ref; default origin/main. Where that is missing or the very commit at hand (a fresh clone), what is
#              compared with is the commit before, or the commit at hand if proto/ was edited since.
# buf is the one on PATH, else a pinned one from npm, kept in the user's cache folder.
# Exit status: 0 fine; 77 there is no buf and none could be installed; any other: not fine, and said why.

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

buf_version=1.75.0

skip() {
  echo "buf: skipped: $1"
  exit 77
}

find_buf() {
  buf=$(command -v buf) && return
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-buf/$buf_version
  buf=$cache/node_modules/.bin/buf
  [ -x "$buf" ] && return
  command -v npm >/dev/null || skip "neither buf nor npm on this machine"
  echo "buf: installing buf $buf_version into $cache"
  mkdir -p "$(dirname "$cache")"
  local aside
  aside=$(mktemp -d "$cache.XXXXXX")
  npm install --prefix "$aside" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
    "@bufbuild/buf@$buf_version" >/dev/null || { rm -rf "$aside"; skip "npm could not install buf"; }
  # Another run may have been faster.
  mv -T "$aside" "$cache" 2>/dev/null || rm -rf "$aside"
}

base_ref() {
  local base=${BASE_REF:-} before=HEAD~
  git diff --quiet HEAD -- proto || before=HEAD
  if [ -z "$base" ] && git rev-parse -q --verify origin/main >/dev/null &&
    { [ "$before" = HEAD ] || [ "$(git rev-parse origin/main)" != "$(git rev-parse HEAD)" ]; }; then
    base=origin/main
  fi
  echo "${base:-$before}"
}

# The protos import google.api.http, which has to lie beside them: a folder with both, as buf wants it.
# make_workspace FOLDER: adds that to a FOLDER/proto
googleapis=/usr/share/gocode/src/github.com/gogo/googleapis
make_workspace() {
  mkdir -p "$1/googleapis/google/api"
  cp "$googleapis"/google/api/{http,annotations}.proto "$1/googleapis/google/api"
  awk '{ print } /path: proto/ { print "  - path: googleapis" }' buf.yaml >"$1/buf.yaml"
}

find_buf
[ -e "$googleapis/google/api/annotations.proto" ] || skip "no google/api/annotations.proto (Debian package golang-github-gogo-googleapis-dev)"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
now=$scratch/now landed=$scratch/landed
mkdir "$now" "$landed"
cp -r proto "$now"
make_workspace "$now"
"$buf" lint "$now/proto"
echo "buf: lint: fine"

base=$(base_ref)
if ! git cat-file -e "$base:proto" 2>/dev/null; then
  echo "buf: breaking: skipped: no proto/ in $base, or no such ref"
  exit 0
fi
git archive "$base" -- proto | tar -x -C "$landed"
make_workspace "$landed"
"$buf" breaking "$now/proto" --against "$landed/proto"
echo "buf: breaking: fine, compared with $base ($(git rev-parse --short "$base"))"
