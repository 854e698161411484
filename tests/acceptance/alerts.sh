#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A real Prometheus with the shipped alerts watches a shop: a service that is stopped, an event that can't be handled, and a slow
# Redis each fire the alert that is meant for them, and no other.

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
[ "$shop_slowness" -eq 1 ] || skip "not applicable: it tests rules of alerts"

command -v prometheus >/dev/null || skip "no prometheus: apt-get install prometheus"

watched=(customer product mail crm)
interval_ms=$((500 * shop_slowness))
prometheus= # its address

metrics_address() { echo "127.0.0.1:$(($(port_of "$1") + 9))"; }

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

# --- Prometheus ---

# The shipped configuration, of the services that run here and at their ports.
make_configuration() {
  local service
  sed "s/15s/${interval_ms}ms/; /targets:/d" "$ORDERSHOP_SOURCE/deploy/observability/prometheus.yaml"
  for service in "${watched[@]}"; do
    echo "      - {targets: ['$(metrics_address "$service")'], labels: {service: $service}}"
  done
}

# The shipped rules, with seconds in the place of minutes: `for` is four scrapes.
make_rules() {
  sed "s/for: [0-9a-z]*/for: $((4 * interval_ms))ms/; s/\[[0-9]*m\]/[$((5 * shop_slowness))s]/g" "$ORDERSHOP_SOURCE/deploy/observability/alerts.yaml"
}

ask() { # ask EXPRESSION: the values of the label alertname of what it gives, one a line
  curl --silent --fail --max-time 30 --get "http://$prometheus/api/v1/query" --data-urlencode "query=$1" |
    jq -r '.data.result[] | (.metric.alertname // "a value")' | sort
}

all_are_scraped() { [ "$(ask 'up{job="ordershop"} == 1' | wc -l)" = ${#watched[@]} ]; }

prometheus_start() {
  prometheus=127.0.0.1:$((shop_port_base + 19))
  make_configuration >"$shop_folder/prometheus.yaml"
  make_rules >"$shop_folder/alerts.yaml"
  launch prometheus prometheus --config.file="$shop_folder/prometheus.yaml" --storage.tsdb.path="$shop_folder/series" \
    --web.listen-address="$prometheus"
  wait_until 60 all_are_scraped || fail "Prometheus does not scrape all"
}

# --- Checks ---

fires() { # fires ALERT...: these alone, now
  local firing
  firing=$(ask 'count by (alertname) (ALERTS{alertstate="firing"})') || return 1
  [ "$firing" = "$(printf '%s\n' "$@")" ]
}

nothing_fires() { fires ''; }

have_fired() { # have_fired ALERT...: these alone, since the beginning
  local fired
  fired=$(ask 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[1h]))')
  echo "$fired"
  [ "$fired" = "$(printf '%s\n' "$@" | sort)" ]
}

# --- What happens ---

an_event_is_poison() { redis xadd events:customer_created '*' data garbage >/dev/null; }

the_dead_letter_is_skipped() {
  client dead-letter list crm --json >"$shop_folder/letters" || return 1
  client dead-letter skip crm "$(jq -r .key "$shop_folder/letters")" "$(jq -r .first.id "$shop_folder/letters")" \
    --reason "a test has written it" || { cat "$shop_folder/letters" && return 1; }
}

# So many commands a second pass; more than that wait, which nobody does but this load.
the_slow_redis_is_loaded() {
  launch load "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --mode get --in-flight 32 --seconds 600 --prepare 2
}

# --- The test ---

shop_prepare
redis_start --appendfsync no # a busy disk must not look like a slow Redis
launch slow_redis python3 "$ORDERSHOP_SOURCE/tests/lib/slow_redis.py" "$(port_of event)" "$(port_of redis)" 150
wait_until 60 port_accepts "$(port_of event)" || fail "slow_redis.py does not listen"
for service in "${watched[@]}"; do
  url=redis://$service@$(address_of redis)/0
  [ "$service" != customer ] || url=redis://$service@$(address_of event)/0
  service_start "$service" ORDERSHOP_METRICS_LISTEN="$(metrics_address "$service")" ORDERSHOP_REDIS_URL="$url"
done
wait_for_serving "${watched[@]}"
prometheus_start
expect "a shop that is well fires nothing" nothing_fires

an_event_is_poison
expect "an event that can't be handled fires its alert" wait_until 60 fires OrderShopDeadLetters
expect "an operator skips it" the_dead_letter_is_skipped
expect "then nothing fires" wait_until 60 nothing_fires

the_slow_redis_is_loaded
expect "a slow Redis fires its alert" wait_until 60 fires OrderShopRedisSlow
kill "${shop_pid[load]}"
await_end load 30
expect "when it has less to do, nothing fires" wait_until 60 nothing_fires

service_stop product
expect "a service that is stopped fires its alert" wait_until 60 fires OrderShopServiceDown
service_start product ORDERSHOP_METRICS_LISTEN="$(metrics_address product)"
expect "when it is back, nothing fires" wait_until 60 nothing_fires

expect "no other alert has fired meanwhile" have_fired OrderShopDeadLetters OrderShopRedisSlow OrderShopServiceDown
kill -TERM "${shop_pid[prometheus]}"
await_end prometheus 60
shop_done
