#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The whole shop on a Redis that speaks nothing but TLS: its services, the command line, and the scripts of deploy/local. What
# goes wrong with Redis' certificate is told, and is over when it is mended; services are not restarted for it.

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

# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/tls_redis.sh
. "$ORDERSHOP_SOURCE/tests/lib/tls_redis.sh"

shop_prepare
url=rediss://127.0.0.1:$(port_of redis)/0

# --- What is wrong in the settings is told at the start ---

refuses() { # refuses SERVICE PATTERN VARIABLE=VALUE...
  local service=$1 pattern=$2
  shift 2
  ends_with 1 "$pattern" env ORDERSHOP_REDIS_URL="$url" \
    ORDERSHOP_LISTEN="$(address_of "$service")" "$@" timeout 60 "$ORDERSHOP_BIN/ordershop-$service"
}

echo nonsense >"$shop_folder/nonsense.crt"
expect "a CA file with a URL in plain text is refused" refuses customer \
  'ORDERSHOP_REDIS_TLS_CA_FILE: is of no use with ORDERSHOP_REDIS_URL in plain text' ORDERSHOP_REDIS_URL=redis://localhost
expect "so is mail's own in plain text, by its own name" refuses mail \
  'ORDERSHOP_REDIS_TLS_CA_FILE: is of no use with ORDERSHOP_MAIL_REDIS_URL in plain text' \
  ORDERSHOP_MAIL_REDIS_URL=redis://localhost
expect "a certificate without its key, too" refuses customer \
  'ORDERSHOP_REDIS_TLS_KEY_FILE: is not set, but needed with ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE' ORDERSHOP_REDIS_TLS_KEY_FILE=
expect "a CA file that holds none, too" refuses customer \
  "ORDERSHOP_REDIS_TLS_CA_FILE: $shop_folder/nonsense.crt: holds no certificate in PEM" ORDERSHOP_REDIS_TLS_CA_FILE="$shop_folder/nonsense.crt"
expect "a CA file that is not there, too" refuses customer \
  "ORDERSHOP_REDIS_TLS_CA_FILE: $shop_folder/none.crt: can't be read" ORDERSHOP_REDIS_TLS_CA_FILE="$shop_folder/none.crt"

# --- The whole shop ---

redis_start
for name in "${shop_services[@]}"; do service_start "$name"; done
wait_for_serving "${shop_services[@]}"
client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
mails_are_there() { [ "$(redis XLEN events:mail_updated)" -gt 0 ]; }

expect "Redis takes no connection in plain text" ends_with 1 . redis-cli -p "$(port_of redis)" -e PING
expect "the demo is played" client demo
expect "mails are sent" wait_until 60 mails_are_there
expect "the load generator follows orders to their mails" ends_with 0 . \
  client load --mode order --rate 20 --seconds 1 --mails --redis-url "$url"
expect "and says what it lacks" ends_with 3 'it wants a certificate from its callers: set ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE' \
  env -u ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE -u ORDERSHOP_REDIS_TLS_KEY_FILE \
  "$ORDERSHOP_BIN/ordershop" load --mode order --seconds 1 --mails --redis-url "$url"

# --- Redis' certificate changes under the services ---

# Whatever certificate it shows at present.
any_redis() { redis --insecure "$@"; }
redis_shows() { # redis_shows NAME: from the next connection on; all make a new one
  any_redis CONFIG SET tls-cert-file "$redis_tls/$1.crt" tls-key-file "$redis_tls/$1.key" tls-ca-cert-file \
    "$redis_tls/trusted.crt" && any_redis CLIENT KILL TYPE normal SKIPME yes
}
creates() { client customer create --name Ada --email ada@example.com; }
all_serve_and_create() { serve "${shop_services[@]}" && creates; }

# The three steps of docs/certificates.md; Redis is told to read its files.
goes_over_to_another_ca() {
  local pids=${shop_pid[*]}
  redis_certificates next-ca
  hand_out_ca
  redis_shows redis && wait_until 60 all_serve_and_create || return
  redis_certificates renew redis client/ada
  redis_shows redis && wait_until 60 all_serve_and_create || return
  redis_certificates drop-old-ca
  hand_out_ca
  redis_shows redis && wait_until 60 all_serve_and_create && [ "$pids" = "${shop_pid[*]}" ]
}

expect "the CA is exchanged while services run" goes_over_to_another_ca

status_says() { # status_says TEXT
  local output
  output=$(client status 2>&1) || true
  [[ $output == *"$1"* ]]
}
times_logged() { [ "$(grep -c -- "$2" "$(log_of "$1")")" -eq "$3" ]; }

redis_certificates --life 0 issue expired
fails_to_create() {
  ends_with 3 'certificate has expired' "$ORDERSHOP_BIN/ordershop" --timeout 5 customer create --name Eve \
    --email eve@example.com
}
tells_of_an_expired_certificate() {
  redis_shows expired && wait_until 60 status_says 'its certificate has expired: it needs a new one' &&
    wait_until 60 fails_to_create && times_logged customer 'certificate has expired' 1
}
is_mended() { redis_shows redis && wait_until 60 all_serve_and_create; }

expect "an expired certificate is told in status, answer and log, once" tells_of_an_expired_certificate
expect "and is over when it is mended" is_mended

# --- The scripts ---

scripts=$ORDERSHOP_SOURCE/deploy/local
on_this_shop() { # on_this_shop SCRIPT ARGUMENT...
  env ORDERSHOP_HOME="$shop_folder/home" ORDERSHOP_PORT_BASE="$(spare_port)" ORDERSHOP_REDIS_USERS="$shop_folder/users" \
    ORDERSHOP_REDIS_URL="$url" "$scripts/$1" "${@:2}"
}
expect "redis-cli.sh asks by TLS" ends_with 0 '^PONG$' on_this_shop redis-cli.sh PING
expect "and says what is wrong" ends_with 1 . env ORDERSHOP_REDIS_TLS_CA_FILE="$shop_folder/nonsense.crt" \
  ORDERSHOP_HOME="$shop_folder/home" ORDERSHOP_REDIS_URL="$url" "$scripts/redis-cli.sh" PING

shop_done
