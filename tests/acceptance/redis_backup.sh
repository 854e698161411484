#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/redis/backup.sh and restore.sh: a shop that lost its Redis goes on from the last backup, and repeats nothing.

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

backup=$ORDERSHOP_SOURCE/deploy/redis/backup.sh
restore=$ORDERSHOP_SOURCE/deploy/redis/restore.sh
file=$shop_folder/shop.rdb

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
save() { "$backup" --port "$(port_of redis)" --user '' "$@"; }

create_customer() { client customer create --name "$1" --email "$1@example.com" >/dev/null; }
mails_to() { client mail list --to "$1@example.com" --json --all | grep -c '"subject"'; }
has_mails() { [ "$(mails_to "$1")" = "$2" ]; }
knows_customer() { ends_with 0 "$1@" client customer list --all; }
lacks_customer() { client customer list --all >"$shop_folder/customers" && ! grep "$1@" "$shop_folder/customers"; }

lose_redis() {
  local name
  for name in "${shop_services[@]}"; do service_stop "$name"; done
  redis_kill
  rm -rf "$shop_folder/redis"
  mkdir "$shop_folder/redis"
}

start_again() {
  local name
  redis_start
  for name in "${shop_services[@]}"; do service_start "$name"; done
  wait_for_serving "${shop_services[@]}"
}

shop_start
service_stop crm
create_customer before
expect "a backup of a running shop is saved" save "$file"
expect "only its owner can read it" test "$(stat -c %a "$file")" = 600
expect "it overwrites nothing" ends_with 1 "exists already" save "$file"
expect "a wrong port is told in one sentence" ends_with 1 "127.0.0.1:$(spare_port)" \
  "$backup" --port "$(spare_port)" --user '' "$shop_folder/other.rdb"
expect "and leaves no file" test ! -e "$shop_folder/other.rdb"
create_customer after
service_start crm
wait_for_serving crm
expect "the first customer is welcomed" wait_until 60 has_mails before 1

expect "data that is there is not overwritten" ends_with 1 "move" "$restore" "$file" "$shop_folder/redis"
lose_redis
head -c 1000 "$file" >"$shop_folder/half.rdb"
expect "half a backup is refused" ends_with 1 "not a whole backup" "$restore" "$shop_folder/half.rdb" "$shop_folder/redis"
expect "the backup is restored" "$restore" "$file" "$shop_folder/redis"
start_again
expect "the customer of before the backup is there" knows_customer before
expect "and is welcomed, since the backup knows of no mail" wait_until 60 has_mails before 1
expect "the customer of after it is not" lacks_customer after
expect "new commands are carried out" create_customer new
expect "and reacted to" wait_until 60 has_mails new 1
expect "the old welcome is not sent again" has_mails before 1
redis_crash
expect "a restart of Redis keeps all that" knows_customer new
shop_done
