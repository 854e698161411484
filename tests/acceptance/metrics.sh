#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Services and the gateway tell Prometheus what they do, at a port of its own, whatever comes there.

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

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

# --- What is read ---

metrics_port() { [ "$1" = gateway ] && echo $((shop_port_base + 9)) || echo $(($(port_of "$1") + 9)); } # metrics_port SERVICE
metrics_address() { echo "127.0.0.1:$(metrics_port "$1")"; }

fetch() { # fetch SERVICE [PATH [OPTION...]]
  local service=$1 path=${2:-/metrics}
  shift $(($# > 1 ? 2 : 1))
  curl --silent --show-error --max-time $((30 * shop_slowness)) "$@" "http://$(metrics_address "$service")$path"
}

code_of() { fetch "$1" "${2:-/metrics}" "${@:3}" --output /dev/null --write-out '%{http_code}'; }

value() { fetch "$1" | awk -v series="$2" '$1 == series { print $2 }'; } # value SERVICE SERIES

is() { # is SERVICE SERIES VALUE
  [ "$(value "$1" "$2")" = "$3" ] && return
  fetch "$1" | grep -F "${2%%\{*}"
  return 1
}

of_method() { echo "{grpc_type=\"unary\",grpc_service=\"ordershop.v1.CustomerService\",grpc_method=\"$1\"${2:+,grpc_code=\"$2\"}}"; }

# The lease as a replica elsewhere would have it, which does nothing.
somebody_else_leads_crm() {
  service_stop crm
  redis set crm_lease "somebody-else 0" px 600000
  service_start crm ORDERSHOP_METRICS_LISTEN="$(metrics_address crm)" ORDERSHOP_TRACES_ENDPOINT=http://127.0.0.1:1
  wait_for_serving crm
}

lag_is_that_of_status() {
  [ "$(client status crm --json | sed -n 's/.*"lagEntries": *"\{0,1\}\([0-9]*\).*/\1/p')" = "$(value crm ordershop_consumer_lag_entries)" ]
}

series_count() { fetch "$1" | grep -vc '^#'; }

# --- Checks ---

answers_with() { [ "$(code_of "${@:2}")" = "$1" ]; } # answers_with CODE SERVICE [PATH [OPTION...]]

is_prometheus_text() {
  fetch "$1" /metrics --dump-header - --output /dev/null | grep -i '^content-type: text/plain; version=0.0.4; charset=utf-8'
}

promtool_is_content() {
  fetch "$1" >"$shop_folder/metrics"
  promtool check metrics <"$shop_folder/metrics"
}

# Without promtool: each metric has one HELP and one TYPE, which come before its values, and no series comes twice.
each_is_declared_and_unique() {
  fetch "$1" >"$shop_folder/metrics"
  awk '
    /^# HELP / { if ($3 in help) exit failed = 1; help[$3] = 1; next }
    /^# TYPE / { if (!($3 in help)) exit failed = 1; type[$3] = $4; next }
    { name = $1; sub(/\{.*/, "", name); whole = $0; sub(/ [^ ]*$/, "", whole)
      if (whole in seen) exit failed = 1
      seen[whole] = 1
      plain = name; sub(/_(bucket|sum|count)$/, "", plain)
      if (!(name in type) && type[plain] != "histogram") exit failed = 1 }
    END { exit failed }' "$shop_folder/metrics" && [ -s "$shop_folder/metrics" ]
}

# The names in the first column of the table in the documentation, which may be patterns (process_*).
documented_metrics() {
  awk -F '|' '/^## / { here = $0 == "## Metrics" } here && $2 ~ /_/ { print $2 }' "$ORDERSHOP_SOURCE/docs/operating.md" |
    tr -c 'a-z_*' '\n' | sed '/^$/d' | sort
}

served_metrics() {
  local service
  for service in "${served[@]}"; do fetch "$service"; done | sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' | sort -u
}

# Each metric that is served is documented, and the other way round.
table_is_that_of_the_services() {
  local pattern
  served_metrics >"$shop_folder/served"
  documented_metrics >"$shop_folder/documented"
  while read -r pattern; do
    grep -xq "${pattern//\*/.*}" "$shop_folder/served" || { say "not served: $pattern"; return 1; }
  done <"$shop_folder/documented"
  sed 's/\*/.*/' "$shop_folder/documented" >"$shop_folder/patterns"
  grep -vxf "$shop_folder/patterns" "$shop_folder/served" >"$shop_folder/undocumented" || return 0
  sed 's/^/not documented: /' "$shop_folder/undocumented"
  return 1
}

# A sum over all values of the other labels: total SERVICE NAME [LABEL]
total() { fetch "$1" | grep -F "$2" | grep -F "${3:-}" | awk '{ sum += $NF } END { printf "%d", sum }'; }

is_more() { # is_more LEAST SERVICE NAME [LABEL]
  [ "$(total "${@:2}")" -ge "$1" ] && return
  fetch "$2" | grep -F "$3"
  return 1
}

# What the customer service does with Redis, in the order in which it is counted.
redis_is_counted() {
  is_more 4 customer ordershop_redis_commands_total 'purpose="commands"' && is_more 4 customer ordershop_redis_round_trips_total &&
    is_more 4 customer ordershop_redis_command_seconds_count && is_more 3 customer ordershop_commit_transactions_sum &&
    is customer 'ordershop_redis_connections_ready{purpose="commands"}' 1 && is customer 'ordershop_redis_commands_pending{purpose="commands"}' 0
}

all_is_mailed() { [ "$(value crm ordershop_outbox_delivered_total)" -ge "$1" ] && is crm ordershop_outbox_messages 0; }

an_event_is_poison() { redis xadd events:customer_created '*' data garbage >/dev/null; }

# The most that Redis may have is less than what it has.
redis_is_full() {
  redis config set maxmemory 1 >/dev/null
  ends_with 3 REDIS_OUT_OF_MEMORY client customer create --name Ada --email ada@example.com
}

buckets_rise_to() { # buckets_rise_to COUNT
  fetch customer | grep "^grpc_server_handling_seconds_bucket$(of_method CreateCustomer | tr '}' ',')" | awk -v count="$1" '
    $2 < last { exit failed = 1 } { last = $2; rows++ }
    END { exit failed || rows != 12 || last != count }'
}

# An answer that comes before the request has been read ends a curl now and then.
calls_that_are_unknown() { # calls_that_are_unknown COUNT
  local i
  for i in $(seq "$1"); do
    printf '\0\0\0\0\0' | curl --silent --max-time $((30 * shop_slowness)) --http2-prior-knowledge --header 'content-type: application/grpc' \
      --header 'te: trailers' --data-binary @- --output /dev/null "http://$(address_of customer)/ordershop.v1.Nothing$i/Call$i" || true
  done
}

# What these send is no HTTP, too long, or half of it; they stay until the test ends.
rude_clients_come() {
  local descriptor i
  for i in 1 2 3; do
    exec {descriptor}<>"/dev/tcp/127.0.0.1/$(metrics_port customer)"
    printf 'GET /metr' >&"$descriptor"
  done
  exec {descriptor}<>"/dev/tcp/127.0.0.1/$(metrics_port customer)"
  head -c 10000 /dev/urandom >&"$descriptor" || true
  exec {descriptor}<>"/dev/tcp/127.0.0.1/$(metrics_port customer)"
  for i in $(seq 20); do printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' >&"$descriptor" || true; done
}

loads_an_http_library() { grep -q libmicrohttpd "/proc/${shop_pid[$1]}/maps"; } # loads_an_http_library SERVICE

# The dynamic linker finds a file of that name, which is no library.
starts_without_an_http_library() {
  local soname
  soname=$(sed -nE 's,.*/(libmicrohttpd\.so\.[0-9]+).*,\1,p' "/proc/${shop_pid[customer]}/maps" | sort -u)
  mkdir "$shop_folder/broken"
  echo none >"$shop_folder/broken/$soname"
  LD_LIBRARY_PATH=$shop_folder/broken ORDERSHOP_LISTEN=127.0.0.1:0 ORDERSHOP_METRICS_LISTEN=127.0.0.1:0 \
    timeout 60 "$ORDERSHOP_BIN/ordershop-product"
}

one_customer_is_read() { client customer list --json >/dev/null; }

# --- The test ---

shop_prepare
redis_start
served=(customer inventory crm event gateway)
tls=$shop_folder/tls certificates=("$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$shop_folder/tls")
service_start customer ORDERSHOP_METRICS_LISTEN="$(metrics_address customer)"
service_start inventory ORDERSHOP_METRICS_LISTEN="$(metrics_address inventory)"
service_start mail
service_start crm ORDERSHOP_METRICS_LISTEN="$(metrics_address crm)" ORDERSHOP_TRACES_ENDPOINT=http://127.0.0.1:1
service_start event ORDERSHOP_METRICS_LISTEN="$(metrics_address event)"
service_start product
"${certificates[@]}" ca >/dev/null
"${certificates[@]}" issue client/gateway >/dev/null
ORDERSHOP_LISTEN=127.0.0.1:$(spare_port) ORDERSHOP_METRICS_LISTEN=$(metrics_address gateway) \
  ORDERSHOP_GATEWAY_TLS_CERTIFICATE_FILE=$tls/client/gateway.crt ORDERSHOP_GATEWAY_TLS_KEY_FILE=$tls/client/gateway.key \
  launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_for_serving customer inventory mail crm event product
wait_until 60 port_accepts "$(metrics_port gateway)" || fail "the gateway serves no metrics"

certificate_end() { date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d = -f 2)" +%s; } # certificate_end FILE
told_end() { value gateway "ordershop_tls_certificate_expiry_timestamp_seconds{setting=\"ORDERSHOP_GATEWAY_TLS_CERTIFICATE_FILE\"}"; }
expect "when a certificate ends is told" test "$(printf %.0f "$(told_end)")" = "$(certificate_end "$tls/client/gateway.crt")"
for service in "${served[@]}"; do
  expect "$service answers in Prometheus' format" is_prometheus_text "$service"
  expect "$service declares each metric once, and no series twice" each_is_declared_and_unique "$service"
  if command -v promtool >/dev/null; then
    expect "promtool finds nothing in the metrics of $service" promtool_is_content "$service"
  fi
  expect "$service tells which program it is" is "$service" \
    "ordershop_build_info{program=\"ordershop-$service\",version=\"$("$ORDERSHOP_BIN/ordershop-$service" --version | cut -d ' ' -f 2)\"}" 1
done
expect "a service that was not told to serves none" test "$(port_accepts "$(metrics_port product)" || echo closed)" = closed
expect "what it would need to does not take its memory" ends_with 1 '' loads_an_http_library product
expect "a service that can't load it says why, and does not start" ends_with 1 \
  "an HTTP server needs libmicrohttpd, which can't be loaded" starts_without_an_http_library

for name in Ada Grace Alan; do client customer create --name $name --email $name@example.com --quiet >/dev/null; done
expect "an invalid call is refused" ends_with 1 FIELD_INVALID client customer create --name ' ' --email ada
expect "calls that began are counted" is customer "grpc_server_started_total$(of_method CreateCustomer)" 4
expect "so are those that succeeded" is customer "grpc_server_handled_total$(of_method CreateCustomer OK)" 3
expect "and those that were refused, by code" is customer "grpc_server_handled_total$(of_method CreateCustomer InvalidArgument)" 1
expect "other methods stay" is customer "grpc_server_handled_total$(of_method DeleteCustomer OK)" 0
expect "each was timed" is customer "grpc_server_handling_seconds_count$(of_method CreateCustomer)" 4
expect "in buckets that add up" buckets_rise_to 4
expect "memory is told" test "$(value customer process_resident_memory_bytes)" -gt 1000000
expect "when it was started is told" test $(($(date +%s) - $(value customer process_start_time_seconds | cut -d . -f 1))) -lt 600
expect "how many descriptors it has is told" test "$(value customer process_open_fds)" -gt 5

expect "commands to Redis, what they travel in and how long they take are told" wait_until 60 redis_is_counted
expect "messages to other services are counted" wait_until 60 all_is_mailed 3
expect "so are the calls that take them there" is_more 1 crm grpc_client_handled_total 'grpc_method="BatchSendMails",grpc_code="OK"'
expect "each has ended that began" test "$(total crm grpc_client_started_total)" = "$(total crm grpc_client_handled_total)"
expect "none waits" is crm ordershop_outbox_waiting_seconds 0
expect "events that were committed are counted" is_more 3 crm ordershop_consumer_commit_events_sum
expect "so are leases" is crm ordershop_consumer_leases_total 1

before=$(series_count customer)
calls_that_are_unknown 5
unknown='{grpc_type="unary",grpc_service="unknown",grpc_method="unknown",grpc_code="Unimplemented"}'
expect "calls of methods that don't exist are counted as one" wait_until 30 is customer "grpc_server_handled_total$unknown" 5
expect "they make no series" test "$(series_count customer)" = "$before"

expect "a service that handles its events says so" wait_until 60 is crm ordershop_consumer_leader 1
expect "and that it is not behind" wait_until 60 is crm ordershop_consumer_lag_entries 0
expect "and that there are no dead letters" is crm ordershop_dead_letter_events 0
expect "a service that is ready says so" is customer ordershop_ready 1
expect "one without a consumer has no lag" is customer ordershop_consumer_lag_entries ''
somebody_else_leads_crm
expect "which is told to have no lease" is crm ordershop_consumer_leases_total 0
for name in Barbara Edsger; do client customer create --name $name --email $name@example.com --quiet >/dev/null; done
expect "while no consumer works, the lag rises" wait_until 60 is crm ordershop_consumer_lag_entries 2
expect "it is that of the status" lag_is_that_of_status
expect "a replica that stands by says so" is crm ordershop_consumer_leader 0
redis del crm_lease >/dev/null
expect "when one works again, there is no lag" wait_until 60 is crm ordershop_consumer_lag_entries 0
expect "in seconds, too" wait_until 60 is crm ordershop_consumer_lag_seconds 0

expect "messages that a peer takes don't wait" wait_until 60 is crm ordershop_outbox_messages 0
service_stop mail
client customer create --name Kay --email kay@example.com --quiet >/dev/null
expect "while a peer is away, messages wait" wait_until 60 is crm ordershop_outbox_messages 1
expect "and for how long is told" wait_until 60 is_more 1 crm ordershop_outbox_waiting_seconds
expect "calls that fail are counted by code" is_more 1 crm grpc_client_handled_total 'grpc_code="Unavailable"'
service_start mail
expect "when it is back, they don't" wait_until 60 is crm ordershop_outbox_messages 0
an_event_is_poison
expect "a poison event is counted by its reason" wait_until 60 is_more 1 crm ordershop_dead_letters_total
expect "and tells the groups of dead letters" test -n "$(client dead-letter groups crm | grep -F "$(fetch crm | sed -n 's/^ordershop_dead_letters_total{reason="\([0-9a-f]*\)"} 1$/\1/p')")"
expect "a Redis that is out of memory refuses" redis_is_full
expect "which is counted" is_more 1 customer ordershop_redis_out_of_memory_replies_total
redis config set maxmemory 0 >/dev/null
expect "the documentation has the metrics that are served" table_is_that_of_the_services

expect "other paths are not found" answers_with 404 customer /
expect "nor those that begin alike" answers_with 404 customer /metrics/
expect "a query changes nothing" answers_with 200 customer '/metrics?name=up'
expect "nothing can be written" answers_with 405 customer /metrics --request POST
expect "not even with a body" answers_with 405 customer /metrics --data-binary "@$ORDERSHOP_SOURCE/README.md"
expect "HEAD is answered" answers_with 200 customer /metrics --head
rude_clients_come
expect "rude clients keep nobody from calling" one_customer_is_read
expect "nor from reading metrics" answers_with 200 customer

redis_kill
expect "without Redis the service is not ready, which it says" wait_until 60 is crm ordershop_ready 0
expect "how far it is behind is not known" wait_until 60 is crm ordershop_consumer_lag_entries NaN
expect "nor how many messages wait" is crm ordershop_outbox_messages NaN
expect "no connection is up" wait_until 60 is customer 'ordershop_redis_connections_ready{purpose="commands"}' 0
redis_start
expect "with it, it is" wait_until 60 is crm ordershop_ready 1
expect "connections that came back are counted" wait_until 60 is customer 'ordershop_redis_connects_total{purpose="commands"}' 2

kill -TERM "${shop_pid[gateway]}"
await_end gateway 60
expect "the gateway ends gracefully" test "$shop_status" = 0
shop_done
