#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes a folder for Redis to start from out of a file that backup.sh has saved.
#
#   restore.sh FILE FOLDER
#
# FOLDER is Redis' `dir`; Redis must not run there, and data that is there already is not touched: move it away first.
# Redis with `appendonly yes` loads nothing but its append-only files (an .rdb beside them is ignored, and it would start
# empty), so the file becomes the base of those. Then start Redis with the shop's configuration, then the services: they
# go on from their own positions in it.
#
# What was acknowledged after the backup is gone. Callers that know a later position are told so (LOG_RESET). Mails that
# were delivered since are not known any more: what their events lead to again is sent again.
#
# Exit status: 0 restored; 1 not, and said why; 2 misuse.

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

fail() {
  printf 'restore.sh: %s\n' "$*" >&2
  exit 1
}

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
esac
[ $# -eq 2 ] || {
  echo "restore.sh: FILE and FOLDER are needed; see restore.sh --help" >&2
  exit 2
}
file=$1 folder=$2
[[ $file != -* ]] || file=./$file
[[ $folder != -* ]] || folder=./$folder
[ -r "$file" ] || fail "can't read $file"
checker=$(command -v redis-check-rdb || command -v valkey-check-rdb) ||
  fail "there is no redis-check-rdb: install the package redis-tools, or valkey-tools"
"$checker" "$file" >/dev/null 2>&1 || fail "$file is not a whole backup: $(basename "$checker") says what is wrong with it"
[ -d "$folder" ] || fail "there is no folder $folder: make it, for the user that Redis runs as"
[ ! -e "$folder/appendonlydir" ] || fail "$folder has data already: move $folder/appendonlydir away first"

umask 077
aside=$(mktemp -d "$folder/.restore.XXXXXX" 2>/dev/null) || fail "can't write to the folder $folder"
trap 'rm -rf "$aside"' EXIT
cp "$file" "$aside/appendonly.aof.1.base.rdb" || fail "can't copy $file to $folder"
printf 'file appendonly.aof.1.base.rdb seq 1 type b\n' >"$aside/appendonly.aof.manifest"
sync "$aside"/*
chown -R --reference="$folder" "$aside" || fail "can't give the files to the owner of $folder"
mv -T "$aside" "$folder/appendonlydir"
printf '%s: %s bytes of data to start from\n' "$folder" "$(stat -c %s "$file")"
