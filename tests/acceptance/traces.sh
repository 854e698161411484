#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# One trace shows an order from the gateway to the customer's mail, in an OpenTelemetry collector.
# suite-seconds: 1800

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
. "$ORDERSHOP_SOURCE/tests/lib/collector.sh"

readonly trace=0af7651916cd43dd8448eb211c80319c
readonly gateway_port_offset=9 # above the ports of the shop
stock='ordershop.internal.v1.StockService'
order='ordershop.v1.OrderService/CreateOrder'

collector=$(find_collector 2>"$shop_folder/why") || skip "no collector: $(tail -n 1 "$shop_folder/why")"

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

spans() { python3 "$ORDERSHOP_SOURCE/tests/acceptance/traces.py" "$shop_folder/spans.json" "$1"; } # spans TRACE

traced() { # traced PATTERN: there is such a span in the trace, an extended regular expression for the whole line
  spans "$trace" >"$shop_folder/trace"
  grep -xE "$1" "$shop_folder/trace" || { cat "$shop_folder/trace" && return 1; }
}

nothing_failed() { spans "$trace" >"$shop_folder/trace" && ! grep ' failed' "$shop_folder/trace"; }

post_order() { # post_order TRACEPARENT
  curl --silent --show-error --fail-with-body --max-time $((60 * shop_slowness)) --header "traceparent: $1" --header 'Content-Type: application/json' \
    --data "{\"customerId\": \"$customer\", \"productIds\": [\"$product\"]}" "http://localhost:$ORDERSHOP_GATEWAY_PORT/v1/orders"
}

mails_tell_the_trace() { grep -l "^Traceparent: 00-$trace-" -r "$shop_folder/mail"; }

# A trace that its caller does not record.
is_not_recorded() { [ -z "$(spans 1af7651916cd43dd8448eb211c80319c)" ]; }

# --- The test ---

shop_prepare
collector_port=$(spare_port)
export ORDERSHOP_GATEWAY_PORT=$((shop_port_base + gateway_port_offset))
print_collector_settings "$collector_port" "$shop_folder/spans.json" >"$shop_folder/collector.yaml"
launch collector "$collector" --config "$shop_folder/collector.yaml"
export ORDERSHOP_TRACES_ENDPOINT=http://127.0.0.1:$collector_port ORDERSHOP_TRACES_RATIO=0
redis_start
for service in "${shop_services[@]}"; do service_start "$service"; done
launch gateway "$ORDERSHOP_BIN/ordershop-gateway"
wait_for_serving "${shop_services[@]}"
wait_until 60 "$ORDERSHOP_BIN/ordershop-gateway" --check-health || fail "the gateway does not serve"
wait_until 60 port_accepts "$collector_port" || fail "the collector does not listen"

customer=$(client customer create --name Ada --email ada@example.com --quiet)
product=$(client product create --name Tea --price 2.50 --quiet)
client inventory create --product "$product" --amount 10 --quiet >/dev/null
expect "an order is made whose caller does not record its trace" post_order 00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00
expect "an order is made whose caller does" post_order "00-$trace-b7ad6b7169203331-01"

expect "its mail is delivered in the same trace" wait_until 60 traced "mail client deliver mail < .*"
expect "the trace begins with the request to the gateway" wait_until 60 traced "gateway server POST < -"
expect "which calls the order service" traced "gateway client $order < gateway server POST"
expect "which answers" traced "order server $order < gateway client $order"
expect "it has stock reserved" wait_until 60 traced "order client $stock/.* < order server $order"
expect "by the inventory service" wait_until 60 traced "inventory server $stock/.* < order client $stock/.*"
expect "which commits that" wait_until 60 traced "inventory client FCALL transactions < .*"
expect "the order is committed" wait_until 60 traced "order client FCALL transactions < order server $order"
for service in crm billing; do
  expect "$service handles its event, linked to what has made it" wait_until 60 traced "$service consumer process order_created < order server $order linked"
  expect "$service commits the effects" wait_until 60 traced "$service client FCALL transactions < $service consumer process .*"
done
expect "mail handles that of the mail" wait_until 60 traced "mail consumer process mail_created < .* linked"
expect "nothing of it has failed" nothing_failed
expect "the mail tells the trace, too" mails_tell_the_trace
expect "of the other order nothing is recorded" is_not_recorded
shop_done
