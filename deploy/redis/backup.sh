#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Saves what is in the shop's Redis into a file, as of one moment, while the shop runs.
#
#   backup.sh [--host HOST] [--port PORT] [--user USER] [--password-file FILE] FILE
#
# Redis hands its data over as to a replica (a fork, so it needs memory for what changes meanwhile). All services' data,
# events, positions and request records are of the same moment: a shop restored from it has missed nothing that was
# acknowledged before, and repeats nothing. FILE is made whole or not at all and must not exist yet. It holds customers'
# data: only its owner can read it.
#
#   --host, --port   where Redis is   (127.0.0.1, 6380)
#   --user           who may replicate   (replica, see users.acl; empty: no user)
#   --password-file  file whose first line is that user's password
#
# Exit status: 0 saved; 1 not, and said why; 2 misuse. To restore: restore.sh.

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

say() { printf '%s\n' "$*"; }
fail() {
  printf 'backup.sh: %s\n' "$*" >&2
  exit 1
}
misuse() {
  printf 'backup.sh: %s; see backup.sh --help\n' "$*" >&2
  exit 2
}

host=127.0.0.1 port=6380 user=replica password_file='' file=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --host | --port | --user | --password-file)
    [ $# -ge 2 ] || misuse "$1 needs a value"
    name=${1#--}
    printf -v "${name//-/_}" '%s' "$2"
    shift
    ;;
  -*) misuse "unknown option '$1'" ;;
  *)
    [ -z "$file" ] || misuse "one file, not '$file' and '$1'"
    file=$1
    ;;
  esac
  shift
done
[ -n "$file" ] || misuse "where to? Name a file"
[ ! -e "$file" ] || fail "$file exists already; choose another name"

password=
if [ -n "$password_file" ]; then
  { IFS= read -r password <"$password_file"; } 2>/dev/null || [ -n "$password" ] ||
    fail "can't read a password from $password_file"
fi

cli=$(command -v redis-cli || command -v valkey-cli) ||
  fail "there is no redis-cli: install the package redis-tools, or valkey-tools"

umask 077
folder=$(dirname "$file")
aside=$(mktemp "$folder/.backup.XXXXXX" 2>/dev/null) || fail "can't write to the folder $folder"
trap 'rm -f "$aside"' EXIT

login=()
[ -z "$user" ] || login=(--user "$user")
env ${password:+REDISCLI_AUTH="$password"} "$cli" -h "$host" -p "$port" "${login[@]}" --rdb "$aside" </dev/null \
  >/dev/null 2>"$aside.why" || status=$?
why=$(grep -v -i 'warning' "$aside.why" | head -n 1 || true)
rm -f "$aside.why"
[ "${status:-0}" -eq 0 ] || fail "Redis at $host:$port gives nothing: ${why:-no reason told}"
"${cli%cli}check-rdb" "$aside" >/dev/null || fail "what Redis at $host:$port has sent is not whole; try again"
# a link, so that nobody's file is overwritten
sync "$aside"
ln "$aside" "$file" 2>/dev/null || fail "$file exists already; choose another name"
say "$file: $(stat -c %s "$file") bytes"
