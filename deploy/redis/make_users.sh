#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes what Redis needs to know its users: a password for each, and the file for Redis' setting `aclfile`.
#
#   make_users.sh FOLDER [--prefix PREFIX]
#
#   FOLDER/<user>.password   random; for the service of that name (ORDERSHOP_REDIS_PASSWORD_FILE), for people (operator)
#                            and for replicas (replica). What is there already is kept: write your own, or remove one
#                            and run this again to change it
#   FOLDER/users.acl         the rules of users.acl beside this script, with the passwords' SHA-256
#   FOLDER/replication.conf  masteruser and masterauth, for a Redis that follows another, be it only after a failover:
#                            what its place includes (README.md)
#   PREFIX                   the shop's ORDERSHOP_KEY_PREFIX
#
# A Redis that runs reads a changed file at `ACL LOAD` (as user operator). Only their owner can read the passwords; the
# hashes in users.acl say nothing about passwords as long as these.
# Exit status: 0 done; 1 not, and said why; 2 misuse.

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

rules=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/users.acl

fail() {
  printf 'make_users.sh: %s\n' "$*" >&2
  exit 1
}

misuse() {
  printf 'make_users.sh: %s; see make_users.sh --help\n' "$*" >&2
  exit 2
}

# One line a user, without comments.
list_rules() {
  sed 's/^#.*//; /^[[:space:]]*$/d' "$rules" | awk '
    /^[[:space:]]/ { sub(/^[[:space:]]+/, ""); line = line " " $0; next }
    { if (line != "") print line; line = $0 }
    END { print line }'
}

# The prefix as part of a pattern, where some characters mean something, and of sed's command.
prefix_pattern() {
  printf '%s' "$1" | sed 's/[][*?\\]/\\&/g' | sed 's/[\\&|]/\\&/g'
}

make_password() { # make_password FILE
  [ ! -e "$1" ] || return 0
  (
    umask 077
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
    printf '\n' >>"$1.new"
  )
  mv "$1.new" "$1"
}

# The rule that a user's password is: its hash.
password_rule() { # password_rule FILE
  local password=
  IFS= read -r password 2>/dev/null <"$1" || [ -n "$password" ] ||
    fail "$1 holds no password: write one into its first line, or remove it to have one made"
  printf '#%s' "$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)"
}

print_users() { # print_users FOLDER PREFIX
  local word user rest password
  list_rules | sed "s|<prefix>|$(prefix_pattern "$2")|g" | while read -r word user rest; do
    password=
    if [ "$user" != default ] && [[ $rest != *nopass* ]]; then
      make_password "$1/$user.password"
      password=$(password_rule "$1/$user.password")
    fi
    printf '%s %s %s\n' "$word" "$user" "${password:+$password }$rest"
  done
}

print_replication() { # print_replication FOLDER
  local password=
  IFS= read -r password <"$1/replica.password" || [ -n "$password" ]
  printf 'masteruser replica\nmasterauth "%s"\n' "$(printf '%s' "$password" | sed 's/["\\]/\\&/g')"
}

folder='' prefix=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --prefix)
    [ $# -ge 2 ] || misuse "--prefix needs a value"
    prefix=$2
    shift
    ;;
  -*) misuse "unknown option '$1'" ;;
  *)
    [ -z "$folder" ] || misuse "one folder only, not also '$1'"
    folder=$1
    ;;
  esac
  shift
done
[ -n "$folder" ] || misuse "which folder?"
[[ $prefix != *[[:space:]]* ]] || fail "the prefix '$prefix' has blanks, which Redis' rules can't express: choose another"
[ -r "$rules" ] || fail "can't read the rules in $rules"
(umask 077 && mkdir -p "$folder") 2>/dev/null || fail "can't make the folder $folder"
[ -w "$folder" ] || fail "can't write to the folder $folder"

draft=$(mktemp "$folder/.users.acl.XXXXXX")
secret=$(mktemp "$folder/.replication.conf.XXXXXX") # for its owner alone, as mktemp makes it
trap 'rm -f "$draft" "$secret"' EXIT
print_users "$folder" "$prefix" >"$draft"
print_replication "$folder" >"$secret"
chmod 644 "$draft"
mv "$secret" "$folder/replication.conf"
mv "$draft" "$folder/users.acl"
