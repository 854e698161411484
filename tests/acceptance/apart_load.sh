#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Where services have Redises of their own, `ordershop load --mails` reads orders in one and mails in another.

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
. "$ORDERSHOP_SOURCE/tests/lib/apart.sh"

load() { # load FLAG...: its report goes to $shop_folder/load.json
  "$ORDERSHOP_BIN/ordershop" load --mode order --rate 10 --seconds 1 --warm-up 0 --deadline $((60000 * shop_slowness)) --mails \
    --json "$@" >"$shop_folder/load.json"
}
holds() { jq -e "$1" "$shop_folder/load.json" >/dev/null || { cat "$shop_folder/load.json" && return 1; }; } # holds JQ-CONDITION

url_of() { echo "redis://operator@127.0.0.1:$(apart_port "$1")/0"; } # url_of OWNER
password_of() { echo "$shop_folder/users-$1/operator.password"; }    # password_of OWNER

follows_all() { holds '.calls == 10 and .ordersWithMails == 10 and .ordersWithoutMails == 0 and .mailsMs.p50 > 0'; }

follows_by_variables() {
  ORDERSHOP_ORDER_REDIS_URL=$(url_of order) ORDERSHOP_ORDER_REDIS_PASSWORD_FILE=$(password_of order) \
    ORDERSHOP_MAIL_REDIS_URL=$(url_of mail) ORDERSHOP_MAIL_REDIS_PASSWORD_FILE=$(password_of mail) load && follows_all
}
follows_by_flags() {
  load --order-redis-url "$(url_of order)" --order-redis-password-file "$(password_of order)" \
    --mail-redis-url "$(url_of mail)" --mail-redis-password-file "$(password_of mail)" && follows_all
}
follows_with_common_one() {
  load --redis-url "$(url_of order)" --redis-password-file "$(password_of order)" \
    --mail-redis-url "$(url_of mail)" --mail-redis-password-file "$(password_of mail)" && follows_all
}

command -v jq >/dev/null || skip "jq is not installed"
shop_prepare
redis_start # makes the users, too
for owner in "${shop_owners[@]}"; do apart_redis_start "$owner"; done
for owner in "${shop_owners[@]}"; do apart_service_start "$owner"; done
wait_for_serving "${shop_owners[@]}"

expect "orders are followed to mails in another Redis, which variables name" follows_by_variables
expect "log times of two logs are not compared" [ "$(jq 'has("mailsByLogTimeMs")' "$shop_folder/load.json")" = false ]
expect "flags name them, too" follows_by_flags
expect "what a service has none of its own of is the common one's" follows_with_common_one
expect "a login that is refused is told with the flags of its Redis" \
  ends_with 1 "127.0.0.1:$(apart_port mail) .*--mail-redis-url.*--mail-redis-password-file" \
  load --redis-url "$(url_of order)" --redis-password-file "$(password_of order)" \
  --mail-redis-url "$(url_of mail)" --mail-redis-password-file "$(password_of order)"

for owner in "${shop_owners[@]}"; do service_stop "$owner"; done
for owner in "${shop_owners[@]}"; do
  kill -TERM "${shop_pid[redis-$owner]}"
  await_end "redis-$owner" 60
done
shop_done
