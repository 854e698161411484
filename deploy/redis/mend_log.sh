#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Before each start of the shop's Redis: cuts off what a power cut has left half-written at the end of its append-only
# file, so that Redis never loads a part of a transaction.
#
#   mend_log.sh FOLDER [COMMAND [ARGUMENT...]]
#
# FOLDER is Redis' `dir`; Redis must not run there. COMMAND, where there is one, takes this script's place once all is well.
#
# A command of the shop is one transaction in the file. Where the file ends inside one, the transaction goes as a whole:
# it was being written when the machine stopped, and with `appendfsync always` it was not acknowledged. So does a tail of
# zero bytes, which a file system may leave. What is cut off is kept beside the file, in <file>.torn-<time>-<random>.
#
# Anything else that is damaged is left as it is: this script names the file and the byte, and fails, and Redis must not be
# started (docs/redis.md says what then). A base file that was written as RDB is not looked at: it is never written to
# again, and Redis checks its sum. Nor does Redis itself cut anything: the shipped files say `aof-load-truncated no`.
#
# Needs redis-check-aof (or valkey-check-aof) and the rights of the user that Redis runs as.
# Exit status: 0 there is nothing half-written, or not any more; 1 not, and said why; 2 misuse; or COMMAND's.

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

readonly most_torn=$((64 << 20)) # bytes; a transaction of the shop has a few MiB at most

say() { printf 'mend_log.sh: %s\n' "$*"; }
fail() {
  say "$@" >&2
  exit 1
}
misuse() {
  say "$*; see mend_log.sh --help" >&2
  exit 2
}

damaged() { # damaged FILE BYTE WHAT
  fail "$1 is damaged at byte $2: $3. Nothing is changed, and Redis must not be started on it: what to do is" \
    "in docs/redis.md, After a power cut"
}

# --- The files ---

# Prints the append-only files that commands are written to, in the order in which Redis loads them.
list_files() {
  local manifest=$folder/appendonlydir/appendonly.aof.manifest line name
  if [ ! -e "$manifest" ]; then
    # of a Redis before 7.0, which the next start takes over
    [ ! -s "$folder/appendonly.aof" ] || printf '%s\n' "$folder/appendonly.aof"
    return
  fi
  while IFS= read -r line; do
    [[ $line =~ ^file\ ([^\"\\]+)\ seq\ [0-9]+\ type\ ([bhi])( |$) ]] ||
      fail "$manifest has a line that this script can't read: $line"
    name=${BASH_REMATCH[1]}
    if [ "${BASH_REMATCH[2]}" = h ] || [[ $name == *.rdb ]]; then continue; fi
    printf '%s\n' "$folder/appendonlydir/$name"
  done <"$manifest"
}

# --- One file ---

# Lets redis-check-aof read a file. Sets `whole` (bytes up to the end of the last transaction), `failed_at` (the byte at which
# it could not go on, if it tells) and `reason`; fails if there is nothing wrong.
find_fault() { # find_fault FILE
  local output
  output=$(cd -- "$(dirname -- "$1")" && "$checker" "$(basename -- "$1")" 2>&1 </dev/null) && return 1
  [[ $output =~ ok_up_to=([0-9]+) ]] || fail "$checker can't read $1: $(tail -n 1 <<<"$output")"
  whole=${BASH_REMATCH[1]} failed_at='' reason="the file ends"
  if [[ $output =~ 0x\ *([0-9a-f]+):\ ([^$'\n']+) ]]; then
    failed_at=$((16#${BASH_REMATCH[1]})) reason=${BASH_REMATCH[2]}
  elif [[ $output == *'format error'* ]]; then
    reason="no command begins here"
  fi
}

# Is it only that the file ends too early? Then what could not be read is the beginning of a value or of the line before
# it, up to the end of the file. A length that was damaged swallows commands that follow, which shows.
is_only_cut() { # is_only_cut FILE
  case $reason in
  'the file ends' | 'Reached EOF before reading EXEC'*) return 0 ;;
  'Expected to read '*) ! rest_matches "$1" '\r\n\*[0-9]+\r\n\$[0-9]+\r\n' ;;
  'Expected \r\n, '*) rest_matches "$1" '\A[*$][0-9]*\r?\z' ;;
  *) return 1 ;;
  esac
}

# The bytes from `failed_at` on; a line of grep's ends at a zero byte here, which is in neither pattern. In a pipe the early
# end of grep would end tail by SIGPIPE, and that would count as no match.
rest_matches() { grep -qazP "$2" <(tail -c "+$((failed_at + 1))" "$1"); } # rest_matches FILE PATTERN

# Sets `torn` to a new file beside FILE, with what that has from byte FROM on.
keep_end() { # keep_end FILE FROM
  torn=$(mktemp -- "$1.torn-$(date -u +%Y%m%dT%H%M%SZ)-XXXX") || fail "can't write to the folder of $1"
  if ! tail -c "+$(($2 + 1))" -- "$1" >"$torn" || ! sync -- "$torn"; then
    rm -f -- "$torn"
    fail "can't keep the end of $1 in a file beside it, and so cuts nothing off"
  fi
}

# What `torn` holds may only be the beginning of a command or transaction, and zero bytes behind it.
check_torn() { # check_torn FILE FROM
  local begun
  begun=$(mktemp -- "$torn.XXXX")
  LC_ALL=C sed '$ s/\x00*$//' "$torn" >"$begun"
  if [ -s "$begun" ] && find_fault "$begun" && ! is_only_cut "$begun"; then
    rm -f -- "$begun" "$torn"
    damaged "$1" $(($2 + ${failed_at:-whole})) "$reason"
  fi
  rm -f -- "$begun"
}

# Has any process the file open, as far as this user may know?
is_in_use() { # is_in_use FILE
  local descriptor
  for descriptor in /proc/[0-9]*/fd/*; do
    if [ "$descriptor" -ef "$1" ]; then return 0; fi
  done
  return 1
}

mend() { # mend FILE IS_LAST
  local file=$1 size from
  [ -e "$file" ] || fail "$file is missing, which the manifest beside it names: Redis must not be started without it"
  if [ ! -s "$file" ] || ! find_fault "$file"; then return 0; fi
  from=$whole size=$(stat -c %s -- "$file")
  [ "$2" = yes ] || damaged "$file" "${failed_at:-$whole}" "$reason, though another file follows it"
  [ $((size - from)) -le $most_torn ] || damaged "$file" "${failed_at:-$whole}" "$reason"
  keep_end "$file" "$from"
  check_torn "$file" "$from"
  if is_in_use "$file"; then
    rm -f -- "$torn"
    fail "$file is being written: Redis runs in $folder. Nothing is changed"
  fi
  if ! truncate -s "$from" -- "$file" || ! sync -- "$file"; then fail "can't cut $file off at byte $from"; fi
  if find_fault "$file"; then damaged "$file" "${failed_at:-$whole}" "$reason"; fi
  say "$file ended within a transaction, as after a power cut: its last $((size - from)) of $size bytes are cut off," \
    "and kept in $torn"
}

# --- Main ---

case ${1:-} in
-h | --help)
  sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
  exit 0
  ;;
-*) misuse "unknown option '$1'" ;;
'') misuse "which folder?" ;;
esac
trap 'exit 130' INT
trap 'exit 143' TERM HUP
umask 077
folder=$(cd -- "$1" 2>/dev/null && pwd -P) || fail "can't look into the folder $1"
shift
checker=$(command -v redis-check-aof || command -v valkey-check-aof) ||
  fail "there is no redis-check-aof: install the package redis-tools, or valkey-tools"
listed=$(list_files)
mapfile -t files <<<"$listed"
for file in ${listed:+"${files[@]}"}; do
  if [ "$file" = "${files[-1]}" ]; then mend "$file" yes; else mend "$file" no; fi
done
[ $# -eq 0 ] || exec "$@"
