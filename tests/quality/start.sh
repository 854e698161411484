#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Services don't start, and say so in one line that names what is wrong, when their configuration is; and what they
# start in spite of.

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

shop_prepare
redis_start

# --- Configuration ---

# configured SERVICE [VARIABLE=VALUE | FLAG]...: it runs with a configuration of its own
configured() {
  local service=$1 variables=() flags=()
  shift
  while [ $# -gt 0 ]; do
    case $1 in
    -*) flags+=("$1") ;;
    *) variables+=("$1") ;;
    esac
    shift
  done
  exec env -i PATH="$PATH" ${ASAN_OPTIONS:+ASAN_OPTIONS="$ASAN_OPTIONS"} ${LSAN_OPTIONS:+LSAN_OPTIONS="$LSAN_OPTIONS"} \
    ORDERSHOP_LISTEN="127.0.0.1:$(spare_port)" ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" \
    ORDERSHOP_MAIL_FOLDER="$shop_folder/mail" ORDERSHOP_EVENT_FOLDER="$shop_folder/event" "${variables[@]}" \
    "$ORDERSHOP_BIN/ordershop-$service" "${flags[@]}"
}

# run SERVICE [VARIABLE=VALUE | FLAG]...: what it says until it ends is in log_of said, its exit status in shop_status
run() {
  : >"$(log_of said)"
  launch said configured "$@"
  await_end said 60
}

# starts SERVICE [VARIABLE=VALUE | FLAG]...: it doesn't end, but listens; what it says until then is as above
starts() {
  local listens=no
  : >"$(log_of said)"
  launch said configured "$@"
  if wait_until 60 said_listens_or_has_ended && is_running said; then listens=yes; fi
  kill -TERM "${shop_pid[said]}" 2>/dev/null || true
  await_end said 30
  [ "$listens" = yes ]
}

said_listens_or_has_ended() { port_accepts "$(spare_port)" || ! is_running said; }

# refuses SERVICE WORD VARIABLE=VALUE...: it ends at once, with status 1 and one line that has the word in it
refuses() { ends_with 1 "$@"; }

# misused SERVICE WORD ARGUMENT...: likewise with status 2
misused() { ends_with 2 "$@"; }

ends_with() { # STATUS SERVICE WORD VARIABLE=VALUE|ARGUMENT...
  local status=$1 service=$2 word=$3
  shift 3
  run "$service" "$@"
  cat "$(log_of said)"
  [ "$shop_status" -eq "$status" ] && [ "$(wc -l <"$(log_of said)")" -eq 1 ] && grep -F -- "$word" "$(log_of said)" >/dev/null
}

# Values that do not parse, of all services' variables.
readonly bad_values=(
  ORDERSHOP_LISTEN=50051 ORDERSHOP_LISTEN=:50051 ORDERSHOP_LISTEN=localhost:
  ORDERSHOP_LISTEN=localhost:http ORDERSHOP_LISTEN=localhost:65536 ORDERSHOP_LISTEN=::1:50051
  ORDERSHOP_REDIS_URL=localhost:6379 ORDERSHOP_REDIS_URL=http://localhost:6379
  ORDERSHOP_REDIS_URL=redis+sentinel://localhost ORDERSHOP_REDIS_URL=redis+cluster://localhost/0
  'ORDERSHOP_REDIS_SENTINEL_USER=a b' ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE=/nowhere/at/all
  ORDERSHOP_REDIS_URL=redis://localhost:x ORDERSHOP_REDIS_URL=redis://localhost:6379/x
  ORDERSHOP_REDIS_PASSWORD_FILE=/nowhere/at/all
  'ORDERSHOP_KEY_PREFIX=a b' $'ORDERSHOP_KEY_PREFIX=a\nb' ORDERSHOP_KEY_PREFIX=é
  ORDERSHOP_LOG_LEVEL=loud ORDERSHOP_LOG_FORMAT=xml
  ORDERSHOP_LOG_CALLS_OVER_MS=-1 ORDERSHOP_LOG_CALLS_OVER_MS=200ms ORDERSHOP_LOG_CALLS_OVER_MS=3600001
  ORDERSHOP_REDIS_REPLICAS=-1 ORDERSHOP_REDIS_REPLICAS=17 ORDERSHOP_REDIS_REPLICAS=one ORDERSHOP_REDIS_REPLICAS_MISSING=ignore
  ORDERSHOP_REQUEST_HOURS=0 ORDERSHOP_REQUEST_HOURS=-1 ORDERSHOP_REQUEST_HOURS=26h
  ORDERSHOP_REQUEST_HOURS=99999999999999999999 ORDERSHOP_REQUEST_HOURS=1.5 'ORDERSHOP_ACCEPT_DESCRIPTORS=two words'
  ORDERSHOP_TLS_CERTIFICATE_FILE=/nowhere/at/all ORDERSHOP_TLS_KEY_FILE=/nowhere/at/all
  ORDERSHOP_TLS_CA_FILE=/nowhere/at/all ORDERSHOP_TLS_CLIENTS=maybe
  ORDERSHOP_REDIS_TLS_CA_FILE=/nowhere/at/all ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE=/nowhere/at/all
  ORDERSHOP_REDIS_TLS_KEY_FILE=/nowhere/at/all
  ORDERSHOP_HEALTH_LISTEN=50050 ORDERSHOP_METRICS_LISTEN=9464 ORDERSHOP_TRACES_ENDPOINT=localhost:4317 ORDERSHOP_TRACES_ENDPOINT=http://localhost
  ORDERSHOP_TRACES_ENDPOINT=https://localhost:4317 ORDERSHOP_TRACES_RATIO=2 ORDERSHOP_TRACES_RATIO=1% ORDERSHOP_CONNECTION_MINUTES=-1 ORDERSHOP_CONNECTION_MINUTES=1441
  ORDERSHOP_CONNECTIONS=0 ORDERSHOP_CONNECTIONS=many ORDERSHOP_CONNECTIONS_PER_ADDRESS=-1
  ORDERSHOP_GRACE_SECONDS=-1 ORDERSHOP_GRACE_SECONDS=ten ORDERSHOP_GRACE_SECONDS=601
)

# And of single ones'.
own_bad_values=(
  'inventory:ORDERSHOP_INTERNAL_CALLERS=order, returns'
  'order:ORDERSHOP_INTERNAL_CALLERS=billing,'
  'inventory:ORDERSHOP_OPERATORS=client/ada, client/bob' 'order:ORDERSHOP_OPERATORS=,' billing:ORDERSHOP_OPERATORS=Ada
  'crm:ORDERSHOP_OPERATORS=client/ada,' 'mail:ORDERSHOP_OPERATORS=,client/ada' customer:ORDERSHOP_OPERATORS=Ada product:ORDERSHOP_OPERATORS=Ada event:ORDERSHOP_OPERATORS=Ada
  order:ORDERSHOP_RESERVATION_SECONDS=0 order:ORDERSHOP_RESERVATION_SECONDS=3601 order:ORDERSHOP_RESERVATION_SECONDS=x
  billing:ORDERSHOP_CLAIM_SECONDS=0
  mail:ORDERSHOP_SMTP_URL=localhost:25 mail:ORDERSHOP_SMTP_URL=http://localhost mail:ORDERSHOP_SMTP_URL=smtp://
  mail:ORDERSHOP_SMTP_URL=smtp://user:secret@localhost mail:ORDERSHOP_SMTP_FROM=nobody
  'mail:ORDERSHOP_SMTP_NAME=a shop' mail:ORDERSHOP_SMTP_NAME=shop/x 'mail:ORDERSHOP_SMTP_NAME=[1.2.3]'
  mail:ORDERSHOP_MAIL_GIVE_UP_SECONDS=0 mail:ORDERSHOP_MAIL_GIVE_UP_SECONDS=5d
  mail:ORDERSHOP_SMTP_TLS=maybe mail:ORDERSHOP_SMTP_TIMEOUT=0 mail:ORDERSHOP_SMTP_TIMEOUT=x
  mail:ORDERSHOP_SMTP_PASSWORD_FILE=/nowhere/at/all mail:ORDERSHOP_SMTP_CA_FILE=/nowhere/at/all
  mail:ORDERSHOP_MAIL_FOLDER=/dev/null/mail event:ORDERSHOP_EVENT_FOLDER=/dev/null/event event:ORDERSHOP_ARCHIVE_FOLDER=/dev/null/archive
  event:ORDERSHOP_ACCEPT_LOST_ARCHIVE=all event:ORDERSHOP_ACCEPT_LOST_ARCHIVE=1548699678802
)

# Of the Redises that each knows, its own and those of services that it follows.
own_redises() {
  local service variable
  for service in "${shop_services[@]}"; do
    for variable in $("$ORDERSHOP_BIN/ordershop-$service" --help | grep -oE 'ORDERSHOP_[A-Z]+_(REDIS_(URL|PASSWORD_FILE)|KEY_PREFIX)' | sort -u); do
      case $variable in
      *_URL) echo "$service:$variable=localhost:6379" ;;
      *_KEY_PREFIX) echo "$service:$variable=a b" ;;
      *) echo "$service:$variable=/nowhere/at/all" ;;
      esac
    done
  done
}

mapfile -t -O "${#own_bad_values[@]}" own_bad_values < <(own_redises)

refuses_all_of() { # SERVICE VARIABLE=VALUE...
  local service=$1 setting failed=0
  shift
  for setting in "$@"; do
    refuses "$service" "${setting%%=*}" "$setting" >"$shop_folder/refusal" || {
      say "$setting: status $shop_status, said: $(head -c 300 "$shop_folder/refusal")"
      failed=1
    }
  done
  return "$failed"
}

own_values_are_refused() {
  local setting failed=0
  for setting in "${own_bad_values[@]}"; do
    refuses_all_of "${setting%%:*}" "${setting#*:}" || failed=1
  done
  return "$failed"
}

# Every variable that a service knows and whose values can be wrong is in the lists above.
every_variable_is_tried() {
  local service variable all=" ${bad_values[*]} ${own_bad_values[*]} " missing=''
  for service in "${shop_services[@]}"; do
    while read -r variable; do
      case $variable in ORDERSHOP_SMTP_USER | ORDERSHOP_*_ADDRESS) continue ;; esac
      [[ $all == *" $variable="* || $all == *" $service:$variable="* ]] || missing+=" $service:$variable"
    done < <("$ORDERSHOP_BIN/ordershop-$service" --help | grep -o 'ORDERSHOP_[A-Z_]*' | sort -u)
  done
  [ -z "$missing" ] || { say "not tried:$missing" && return 1; }
}

# Every variable but those that keep the service off the ports and folders of others.
empty_variables_are_unset() { # SERVICE
  local variable empty=()
  while read -r variable; do
    case $variable in ORDERSHOP_LISTEN | ORDERSHOP_MAIL_FOLDER | ORDERSHOP_EVENT_FOLDER | ORDERSHOP_REDIS_URL) continue ;; esac
    empty+=("$variable=")
  done < <("$ORDERSHOP_BIN/ordershop-$1" --help | grep -o 'ORDERSHOP_[A-Z_]*' | sort -u)
  starts "$1" "${empty[@]}"
}

unknown_flags_are_refused() {
  misused customer --colour --colour=red && misused customer listen -listen && refuses customer --listen --listen=x &&
    misused customer --log-level --log-level
}

# The flag wins over the variable, so only the flag is looked at.
a_flag_wins() {
  starts customer ORDERSHOP_LOG_LEVEL=loud --log-level=debug
}

unknown_variable_is_warned_of_once() {
  starts customer ORDERSHOP_LISTN=1 ORDERSHOP_SMTP_URL=smtp://known.elsewhere ORDERSHOP_HOME=/x ORDERSHOP_PORT_BASE=1 \
    ORDERSHOP_ORDER_ADDRESS=x ORDERSHOP_RESERVATION_SECONDS=9
  cat "$(log_of said)"
  [ "$(grep -c 'unknown environment variable' "$(log_of said)")" -eq 1 ] &&
    grep 'level=warn.*ORDERSHOP_LISTN' "$(log_of said)" >/dev/null
}

# All keys of a shop must be in one slot.
a_cluster_needs_a_hash_tag() {
  refuses order 'ORDERSHOP_KEY_PREFIX: must have a hash tag' ORDERSHOP_REDIS_URL=redis+cluster://127.0.0.1:1 ORDERSHOP_KEY_PREFIX=shop: &&
    refuses order 'ORDERSHOP_KEY_PREFIX: must have a hash tag' ORDERSHOP_REDIS_URL=redis+cluster://127.0.0.1:1 &&
    refuses order 'ORDERSHOP_BILLING_KEY_PREFIX: must have a hash tag' ORDERSHOP_REDIS_URL=redis+cluster://127.0.0.1:1 \
      ORDERSHOP_KEY_PREFIX='{shop}:' ORDERSHOP_BILLING_KEY_PREFIX=billing: &&
    refuses event 'ORDERSHOP_KEY_PREFIX: must have a hash tag' ORDERSHOP_REDIS_URL=redis+cluster://127.0.0.1:1 \
      ORDERSHOP_ORDER_KEY_PREFIX='{order}:'
}

# Whoever has one of its own has a log of its own behind it.
two_services_need_two_prefixes() {
  refuses order 'ORDERSHOP_BILLING_KEY_PREFIX: must be another one than ORDERSHOP_ORDER_KEY_PREFIX' \
    ORDERSHOP_ORDER_KEY_PREFIX='{a}:' ORDERSHOP_BILLING_KEY_PREFIX='{a}:' &&
    refuses crm 'ORDERSHOP_BILLING_KEY_PREFIX: must be another one than ORDERSHOP_ORDER_KEY_PREFIX' \
      ORDERSHOP_ORDER_KEY_PREFIX='{a}:' ORDERSHOP_BILLING_KEY_PREFIX='{a}:' &&
    refuses order 'ORDERSHOP_BILLING_KEY_PREFIX: must be another one than ORDERSHOP_KEY_PREFIX' \
      ORDERSHOP_KEY_PREFIX='{a}:' ORDERSHOP_BILLING_KEY_PREFIX='{a}:' &&
    starts order ORDERSHOP_ORDER_KEY_PREFIX='{a}:' ORDERSHOP_BILLING_KEY_PREFIX='{a}:' ORDERSHOP_BILLING_REDIS_URL=redis://127.0.0.1:1
}

# A password in a URL is nobody's business, least of all a log's.
passwords_are_not_shown() {
  run customer ORDERSHOP_REDIS_URL=redis://user:geheim@localhost:x
  cat "$(log_of said)"
  [ "$shop_status" -eq 1 ] && ! grep geheim "$(log_of said)"
}

a_taken_port_is_named() {
  local named=yes
  service_start product
  wait_for_serving product
  run customer ORDERSHOP_LISTEN="$(address_of product)"
  cat "$(log_of said)" # gRPC has a line in the log as well
  tail -n 1 "$(log_of said)" | grep "ORDERSHOP_LISTEN: .*$(address_of product): the port is taken" >/dev/null || named=no
  [ "$shop_status" -eq 1 ] || named=no
  service_stop product
  [ "$named" = yes ]
}

# Whoever resolves such a name is told the same address twice.
a_name_with_two_lines_is_one_address() {
  local namespace=(unshare --mount) listens=no
  [ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)
  printf '127.0.0.1 shop.example\n127.0.0.1 shop.example shop\n' >"$shop_folder/hosts"
  # shellcheck disable=SC2016
  namespace+=(sh -euc 'mount --bind "$0" /etc/hosts; exec "$@"' "$shop_folder/hosts")
  "${namespace[@]}" true || return 0 # nothing can be tried where that isn't allowed
  : >"$(log_of said)"
  launch said "${namespace[@]}" env ORDERSHOP_LISTEN="shop.example:$(spare_port)" \
    ORDERSHOP_REDIS_URL="redis://127.0.0.1:$(port_of redis)/0" "$ORDERSHOP_BIN/ordershop-customer"
  if wait_until 60 said_listens_or_has_ended && is_running said; then listens=yes; fi
  kill -TERM "${shop_pid[said]}" 2>/dev/null || true
  await_end said 30
  cat "$(log_of said)"
  [ "$listens" = yes ]
}

an_empty_password_file_is_refused() {
  : >"$shop_folder/empty"
  refuses customer "$shop_folder/empty" ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder/empty" &&
    refuses customer "$shop_folder" ORDERSHOP_REDIS_PASSWORD_FILE="$shop_folder"
}

help_needs_nothing() {
  local service
  for service in "${shop_services[@]}"; do
    run "$service" ORDERSHOP_LOG_LEVEL=loud ORDERSHOP_REDIS_URL=x --help
    [ "$shop_status" -eq 0 ] && grep "ORDERSHOP_LISTEN" "$(log_of said)" >/dev/null || return 1
  done
}

# Without Redis it starts, says so, and becomes ready when Redis comes.
waits_for_redis() {
  local waited=no
  redis_stop
  service_start customer
  if wait_until 60 is_listening customer && ! serve customer; then waited=yes; fi
  redis_start
  wait_for_serving customer
  service_stop customer
  [ "$waited" = yes ]
}

for service in "${shop_services[@]}"; do
  expect "$service names the variable whose value is wrong" refuses_all_of "$service" "${bad_values[@]}"
done
expect "a service names its own variable whose value is wrong" own_values_are_refused
for service in "${shop_services[@]}"; do
  expect "$service takes variables that are set but empty for unset" empty_variables_are_unset "$service"
done
expect "every variable has been tried" every_variable_is_tried
expect "an unknown flag, or one without a value, ends the start with status 2" unknown_flags_are_refused
expect "a flag wins over its variable" a_flag_wins
expect "an unknown ORDERSHOP_ variable is warned of once, one of another program is not" unknown_variable_is_warned_of_once
expect "a cluster needs a key prefix with a hash tag" a_cluster_needs_a_hash_tag
expect "two services that have prefixes of their own have two" two_services_need_two_prefixes
expect "passwords are not shown" passwords_are_not_shown
expect "a port that is taken is named" a_taken_port_is_named
expect "a name with two lines in /etc/hosts is listened on once" a_name_with_two_lines_is_one_address
expect "a password file that is empty or a folder is refused" an_empty_password_file_is_refused
expect "--help needs no configuration" help_needs_nothing
expect "a service that starts before Redis waits for it" waits_for_redis
shop_done
