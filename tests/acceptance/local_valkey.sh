#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/local and deploy/redis where there are programs of Valkey and none of Redis. Where Valkey is not installed,
# Redis' programs stand in under its names.

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

scripts=$ORDERSHOP_SOURCE/deploy/local
reserve_ports
export ORDERSHOP_HOME=$shop_folder/home ORDERSHOP_PORT_BASE=$shop_port_base
ORDERSHOP_REDIS_PORT=$(port_of redis)
export ORDERSHOP_REDIS_PORT

all_down_and_end() {
  "$scripts/down.sh" >/dev/null 2>&1 || true
  shop_end
}
trap all_down_and_end EXIT

# Leaves a PATH with all programs but Redis', and Valkey's.
only_valkey() {
  local folder=$shop_folder/only-valkey program real
  mkdir "$folder"
  find -L /usr/bin /bin -maxdepth 1 -type f -executable ! -name 'redis-*' -exec ln -sf -t "$folder" {} + 2>/dev/null || true
  for program in server cli check-aof check-rdb; do
    [ ! -e "$folder/valkey-$program" ] || continue
    real=$(command -v "redis-$program")
    case $program in
    check-*) # is Redis' server, which goes by the name that it was called by
      printf '#!/bin/sh\nexec %s "$@"\n' "$real" >"$folder/valkey-$program"
      chmod +x "$folder/valkey-$program"
      ;;
    *) ln -s "$real" "$folder/valkey-$program" ;;
    esac
  done
  PATH=$folder
}

redis_is_valkey() { [ "$(cat "/proc/$(cat "$ORDERSHOP_HOME/run/redis.pid")/comm")" = valkey-server ]; }
operator_reads() { [ "$("$scripts/redis-cli.sh" scard customer_ids)" -gt 0 ]; }

only_valkey
expect "there is no Redis" eval '! command -v redis-server redis-cli redis-check-aof redis-check-rdb'
expect "everything starts" "$scripts/up.sh" --no-install
expect "with Valkey's server" redis_is_valkey
expect "which is known as the shop's Redis" ends_with 0 "redis  *.*running" "$scripts/status.sh"
expect "a second start is harmless" ends_with 0 "redis runs already" "$scripts/up.sh" --no-install
expect "redis-cli.sh reads" operator_reads
expect "a backup is made" "$ORDERSHOP_SOURCE/deploy/redis/backup.sh" --port "$ORDERSHOP_REDIS_PORT" \
  --password-file "$ORDERSHOP_HOME/redis/users/replica.password" "$shop_folder/backup.rdb"
expect "everything stops" ends_with 0 "redis has stopped" "$scripts/down.sh"
rm -rf "$ORDERSHOP_HOME/redis/appendonlydir"
expect "the backup is restored" "$ORDERSHOP_SOURCE/deploy/redis/restore.sh" "$shop_folder/backup.rdb" "$ORDERSHOP_HOME/redis"
expect "and started from" "$scripts/up.sh" --no-install redis
expect "with all that there was" operator_reads
shop_done
