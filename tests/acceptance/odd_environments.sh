#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The scripts that people run, where folders have odd names and the caller's shell and environment are set to what some
# people have: nothing of it changes what they do.
# suite-seconds: 600

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

[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests scripts"
reserve_ports
odd=$shop_folder/"-o d\\d \"q\" 'a' \$x [1]* é;#&:,"
tree=$odd/tree
mkdir -p "$tree" "$odd/tmp" "$odd/out" "$shop_folder/home"
cp -r "$ORDERSHOP_SOURCE"/{deploy,cmake,gen,proto} "$tree"
ln -s "$ORDERSHOP_BIN" "$odd/bin"

export ORDERSHOP_HOME=$odd/home ORDERSHOP_BIN=$odd/bin TMPDIR=$odd/tmp ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT
all_down() { "$tree/deploy/local/down.sh" >/dev/null 2>&1; }
shop_at_end+=(all_down)

# --- What people do: each command goes through `as`, which sets the environment ---

as=()
step() { # step COMMAND...: says which one failed
  "${as[@]}" "$@" >"$shop_folder/said" 2>&1 || { say "failed: $*" && cat "$shop_folder/said" && return 1; }
}
customer_serves() { # status.sh fails, since the other services don't run
  "${as[@]}" "$tree/deploy/local/status.sh" >"$shop_folder/said" 2>&1 || true
  grep -q '^customer .* running  SERVING' "$shop_folder/said" || { cat "$shop_folder/said" && return 1; }
}
has_customers() { [ "$("${as[@]}" "$tree/deploy/local/redis-cli.sh" scard customer_ids 2>/dev/null)" -eq "$1" ]; }
every_write_is_synced() { [ "$("${as[@]}" "$tree/deploy/local/redis-cli.sh" config get appendfsync 2>/dev/null | tail -n 1)" = always ]; }

a_shop_is_used() {
  rm -rf "${odd:?}/home"
  step "$tree/deploy/local/up.sh" --no-install redis customer && customer_serves && every_write_is_synced &&
    ORDERSHOP_CUSTOMER_ADDRESS=127.0.0.1:$(port_of customer) "$ORDERSHOP_BIN/ordershop" customer create --name Ada \
      --email ada@example.com --quiet >"$shop_folder/said" && has_customers 1 &&
    step "$tree/deploy/redis/backup.sh" --port "$(port_of redis)" --password-file "$odd/home/redis/users/replica.password" \
      "$odd/home/back up.rdb" && step "$tree/deploy/local/down.sh" && mv "$odd/home/redis/appendonlydir" "$odd/home/lost" &&
    step "$tree/deploy/redis/restore.sh" "$odd/home/back up.rdb" "$odd/home/redis" &&
    step "$tree/deploy/local/up.sh" --no-install redis && has_customers 1 && step "$tree/deploy/local/down.sh"
}

files_are_made() {
  local file
  rm -rf "${odd:?}/out"
  mkdir "$odd/out"
  step "$tree/deploy/redis/make_users.sh" "$odd/out/users" && step "$tree/deploy/tls/certificates.sh" "$odd/out/tls" ca &&
    step "$tree/deploy/tls/certificates.sh" "$odd/out/tls" issue-all && [ -s "$odd/out/tls/inventory.crt" ] &&
    step "$tree/cmake/embed_file.sh" "$tree/deploy/redis/users.acl" "$odd/out/users.c" users_acl || return 1
  if "$tree/gen/generate.sh" --version >"$shop_folder/version" 2>/dev/null && cmp -s "$shop_folder/version" "$tree/gen/VERSION"; then
    step "$tree/gen/generate.sh" "$odd/out/gen" || return 1
    for file in "$odd"/out/gen/*; do diff -r "$file" "$tree/gen/${file##*/}" || return 1; done
  fi
}

all_of_it() { files_are_made && a_shop_is_used; }

# A program that is given to env has to have no "=" in its path.
equals_signs_do() {
  local odd=$shop_folder/a=b
  local tree=$odd/tree
  mkdir "$odd"
  cp -r "$shop_folder"/-o*/tree "$tree"
  ln -s "$ORDERSHOP_BIN" "$odd/bin"
  ORDERSHOP_HOME=$odd/home ORDERSHOP_BIN=$odd/bin all_of_it
}

# in_environment COMMAND...: what goes before each command, e.g. env VARIABLE=VALUE
in_environment() {
  as=("$@")
  all_of_it
}

# --- Environments ---

# shellcheck disable=SC2016 # for the shell inside
{
  with_umask=(bash -c 'umask 077; exec "$@"' umask)
  without_input=(bash -c 'exec "$@" <&-' closed)
  with_functions=(bash -c 'for each in cd printf dirname sed cat grep mkdir; do eval "$each() { echo no; }"; export -f "$each"; done; exec "$@"' functions)
  by_relative_path=(bash -c 'script=$1; shift; cd "${script%/*}"; exec "./${script##*/}" "$@"' relative)
  by_bash=(bash)
}
printf 'set -o noclobber -o noglob\nshopt -s nocasematch nullglob\nalias cat=no\nsed() { echo no; }\n' >"$shop_folder/bash_env"
printf ':set hints\nauth nobody\n' >"$shop_folder/home/.redisclirc"

# A Turkish "inventory" in capitals is another word. Where this machine has not the locale, it is made.
turkish() {
  mkdir -p "$shop_folder/locale"
  localedef -i tr_TR -f UTF-8 "$shop_folder/locale/tr_TR.UTF-8" >/dev/null 2>&1
}

expect "in folders of odd names" all_of_it
expect "in folders with a = in their names" equals_signs_do
expect "called by its relative path" in_environment "${by_relative_path[@]}"
expect "called as an argument of bash, with options of its own by BASH_ENV" \
  in_environment env BASH_ENV="$shop_folder/bash_env" "${by_bash[@]}"
expect "with CDPATH, GLOBIGNORE and IFS exported" in_environment env CDPATH=.:/:/tmp GLOBIGNORE='*' IFS=/
expect "with shell options exported" \
  in_environment env SHELLOPTS=noclobber:noglob:allexport BASHOPTS=nocasematch:failglob:nullglob:xpg_echo
expect "with POSIXLY_CORRECT" in_environment env POSIXLY_CORRECT=1
expect "with functions exported that are named as commands" in_environment "${with_functions[@]}"
expect "with GREP_OPTIONS and a redisclirc" \
  in_environment env GREP_OPTIONS=--color=always GREP_COLORS=mt=31 HOME="$shop_folder/home" REDISCLI_AUTH=nobody
expect "with a umask that keeps all to oneself" in_environment "${with_umask[@]}"
expect "without a standard input, HOME and a terminal" in_environment env -u HOME -u TERM "${without_input[@]}"
expect "in the language C" in_environment env LC_ALL=C LANG=C
if turkish; then expect "in Turkish" in_environment env LOCPATH="$shop_folder/locale" LC_ALL=tr_TR.UTF-8; fi

as=()
with_relative_folders() {
  local name=${odd##*/}
  cd "$shop_folder" && ORDERSHOP_HOME=$name/home ORDERSHOP_BIN=$name/bin TMPDIR=$name/tmp a_shop_is_used
}
expect "with relative folders that begin with a dash" with_relative_folders
called_by_a_dash() {
  local script
  cd "$shop_folder" || return 1
  for script in local/up.sh local/down.sh local/status.sh local/redis-cli.sh redis/mend_log.sh redis/backup.sh \
    redis/restore.sh redis/unite.sh redis/make_users.sh tls/certificates.sh debian/build.sh; do
    step bash -- "${odd##*/}/tree/deploy/$script" --help && grep -q "${script##*/}" "$shop_folder/said" || return 1
  done
}
expect "called as an argument of bash that begins with a dash" called_by_a_dash
expect "a line break in a folder's name is refused" ends_with 2 "ORDERSHOP_HOME has a line break" \
  env ORDERSHOP_HOME="$odd"$'/a\nb' "$tree/deploy/local/up.sh" --no-install
say "$shop_passed passed, $shop_failed failed"
[ $shop_failed -eq 0 ]
