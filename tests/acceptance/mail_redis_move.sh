#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The mails of a running shop move into a Redis of the mail service's own, by backup.sh and restore.sh (docs/scale.md), and
# nothing is lost or sent twice. The mail service says what is wrong with the settings of that Redis.

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

file=$shop_folder/shop.rdb

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
create_customer() { client customer create --name "$1" --email "$1@example.com" >/dev/null; }
mails_to() { client mail list --to "$1@example.com" --json --all | grep -c '"subject"'; }
has_one_mail() { [ "$(mails_to "$1")" = 1 ]; }

mail_redis() { redis-cli -h 127.0.0.1 -p "$(spare_port)" "$@"; }
mail_redis_answers() { [ "$(mail_redis ping 2>/dev/null </dev/null)" = PONG ]; }

# The same rules and passwords as in the shop's Redis: the mail service is the user mail there, too.
mail_redis_start() {
  launch mail_redis redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 \
    --port "$(spare_port)" --dir "$shop_folder/mail_redis" --aclfile "$shop_folder/users/users.acl"
  wait_until 60 mail_redis_answers
}

start_mail_apart() {
  service_start mail ORDERSHOP_MAIL_REDIS_URL="redis://mail@127.0.0.1:$(spare_port)/0" \
    ORDERSHOP_MAIL_REDIS_PASSWORD_FILE="$shop_folder/users/mail.password"
  wait_for_serving mail
}

# All files, each a mail: one that is delivered again replaces its own.
delivered() { find "$shop_folder/mail" -type f | wc -l; }
are_delivered() { [ "$(delivered)" -eq "$1" ]; }

nothing_is_written_for_mails() { [ "$(redis XLEN events:mail_created)" = 1 ] && [ "$(mail_redis XLEN events:mail_created)" = "$1" ]; }

settings_are_refused() { # settings_are_refused PATTERN VARIABLE=VALUE
  ends_with 1 "$1" env "$2" "$ORDERSHOP_BIN/ordershop-mail"
}

# Those that start with the variables in their environment.
no_service_wonders() {
  export ORDERSHOP_MAIL_REDIS_URL=redis://127.0.0.1:1/0
  service_restart crm
  unset ORDERSHOP_MAIL_REDIS_URL
  ! grep "unknown environment variable" "$(log_of crm)"
}

each_once() { has_one_mail before && has_one_mail meanwhile && has_one_mail after; }

shop_start
create_customer before
expect "a mail is delivered before the move" wait_until 60 are_delivered 1

service_stop mail
create_customer meanwhile
mkdir "$shop_folder/mail_redis"
expect "the shop's Redis is saved" "$ORDERSHOP_SOURCE/deploy/redis/backup.sh" --port "$(port_of redis)" --user '' "$file"
expect "and restored where the mails will be" "$ORDERSHOP_SOURCE/deploy/redis/restore.sh" "$file" "$shop_folder/mail_redis"
expect "a second Redis starts from it" mail_redis_start
start_mail_apart
expect "the mail of before is known" has_one_mail before
expect "the mail that waited is delivered" wait_until 60 are_delivered 2
create_customer after
expect "a later one, too" wait_until 60 are_delivered 3
expect "each once" each_once
expect "and new mails are kept only in the second Redis" nothing_is_written_for_mails 3

expect "a password without its Redis is refused" settings_are_refused ORDERSHOP_MAIL_REDIS_URL \
  ORDERSHOP_MAIL_REDIS_PASSWORD_FILE="$shop_folder/users/mail.password"
expect "a URL that is none is refused" settings_are_refused ORDERSHOP_MAIL_REDIS_URL ORDERSHOP_MAIL_REDIS_URL=redis
expect "other services pass over the variables" no_service_wonders

# And back, while all services are stopped.
unite() {
  local owner port places=()
  for owner in "${shop_owners[@]}"; do
    port=$(port_of redis)
    [ "$owner" != mail ] || port=$(spare_port)
    places+=(--of "$owner" "127.0.0.1:$port" "$shop_folder/users")
  done
  "$ORDERSHOP_SOURCE/deploy/redis/unite.sh" "$shop_folder/united.rdb" "${places[@]}"
}
start_in_one() {
  rm -rf "$shop_folder/redis"
  mkdir "$shop_folder/redis"
  "$ORDERSHOP_SOURCE/deploy/redis/restore.sh" "$shop_folder/united.rdb" "$shop_folder/redis"
  redis_start
  for name in "${shop_services[@]}"; do service_start "$name"; done
  wait_for_serving "${shop_services[@]}"
}
service_stop crm
create_customer late
for name in "${shop_services[@]}"; do
  ! is_running "$name" || service_stop "$name"
done
expect "both Redises are united" unite
kill -TERM "${shop_pid[mail_redis]}"
await_end mail_redis 60
redis_stop
expect "all services serve in one" start_in_one
expect "a mail that was not written yet is delivered" wait_until 60 has_one_mail late
expect "the others are there, each once" each_once
shop_done
