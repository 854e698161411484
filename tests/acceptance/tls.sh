#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A shop that speaks mutual TLS, called by the command line, grpcurl and openssl: who is let in, who may call internal
# methods, and what those are told who do it wrong.

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
. "$ORDERSHOP_SOURCE/tests/lib/go_tool.sh"
. "$ORDERSHOP_SOURCE/tests/lib/tls_shop.sh"

grpcurl=$(find_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.8.9 2>"$shop_folder/why") ||
  skip "no grpcurl: $(tail -n 1 "$shop_folder/why")"

tls_certify
tls_shop_start
other=$shop_folder/other
{
  certificates issue client/late --life 1s
  "$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$other" ca
  "$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$other" issue client/eve
} >"$shop_folder/certificates" 2>&1 || fail "$(cat "$shop_folder/certificates")"

# says SENTENCE STATUS COMMAND...: it exits so, and the first line that it says is like the sentence (a pattern)
says() {
  local sentence=$1 expected=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s (%s)\n' "$output" "$status"
  [ "$status" -eq "$expected" ] && head -n 1 <<<"$output" | grep -- "$sentence"
}

# as NAME METHOD ADDRESS: by grpcurl with that certificate
as() {
  local name=$1 method=$2 address=$3
  "$grpcurl" -cacert "$tls/ca.crt" -cert "$tls/$name.crt" -key "$tls/$name.key" -max-time $((60 * shop_slowness)) \
    -d '{}' "$address" "$method"
}

fails_with() { # fails_with CODE PATTERN COMMAND...
  local code=$1 pattern=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  [ "$status" -ne 0 ] && grep -q "Code: $code" <<<"$output" && grep -q "$pattern" <<<"$output"
}

is_refused() { ! "$@"; }

# --- Who is let in ---

expect "the demo plays over mutual TLS, internal calls and events included" client demo
expect "the load generator calls over mutual TLS" \
  client load --mix CreateOrder,GetCustomer,ListProducts --in-flight 4 --seconds 1 --warm-up 0 --deadline $((60000 * shop_slowness))
expect "grpcurl with a certificate of the CA lists the services" \
  "$grpcurl" -cacert "$tls/ca.crt" -cert "$tls/client/ada.crt" -key "$tls/client/ada.key" "$(address_of order)" list
expect "grpcurl without one is refused" is_refused \
  "$grpcurl" -cacert "$tls/ca.crt" -connect-timeout 30 "$(address_of order)" list
expect "grpcurl in plain text is refused" is_refused \
  "$grpcurl" -plaintext -connect-timeout 30 "$(address_of order)" list

speaks() { # speaks OPTION: openssl, with a version of TLS and all ciphers of it
  openssl s_client -connect "$(address_of order)" -CAfile "$tls/ca.crt" -cert "$tls/client/ada.crt" \
    -key "$tls/client/ada.key" -cipher 'DEFAULT@SECLEVEL=0' -alpn h2 "$1" | grep 'Verification: OK'
}
expect "TLS 1.2 is spoken" speaks -tls1_2
expect "TLS 1.3 is spoken" speaks -tls1_3
expect "TLS 1.1 is not" is_refused speaks -tls1_1

# --- What those are told who do it wrong ---

expect "who calls in plain text is told that TLS is spoken" \
  says 'customer at .* speaks TLS: set ORDERSHOP_TLS_CA_FILE' 3 plainly client customer list
expect "who shows no certificate is told that one is wanted" \
  says 'it wants a certificate from its callers: set ORDERSHOP_TLS_CERTIFICATE_FILE' 3 \
  plainly client --tls-ca-file "$tls/ca.crt" customer list
expect "who trusts another CA is told so" \
  says 'its certificate is of another CA' 3 client --tls-ca-file "$other/ca.crt" customer list
expect "who has a certificate of another CA is told what the matter may be" \
  says 'it closes the connection: it may not trust the certificate' 3 \
  client --tls-certificate-file "$other/client/eve.crt" --tls-key-file "$other/client/eve.key" customer list
expect "who calls by a name that is not in the certificate is told so" \
  says 'its certificate is not for 127.1' 3 \
  client --customer-address "127.1:$(port_of customer)" customer list
expect "a certificate file that is missing is named" \
  says "^ordershop: ORDERSHOP_TLS_CA_FILE: $tls/no.crt: can't be read: No such file" 2 client --tls-ca-file "$tls/no.crt" customer list
expect "a key of another certificate is named" \
  says "^ordershop: ORDERSHOP_TLS_KEY_FILE: $tls/crm.key: is not the key of the certificate in .*$tls/client/ada.crt" 2 \
  client --tls-key-file "$tls/crm.key" customer list
has_expired() { ! openssl x509 -in "$tls/$1.crt" -noout -checkend 0 >"$shop_folder/checked"; }
wait_until 60 has_expired client/late || fail "the certificate for a second is valid for ever"
expect "a certificate that has expired is named" \
  says "^ordershop: ORDERSHOP_TLS_CERTIFICATE_FILE: $tls/client/late.crt: the certificate expired at 20" 2 \
  client --tls-certificate-file "$tls/client/late.crt" --tls-key-file "$tls/client/late.key" customer list

# --- Internal methods ---

reserve=ordershop.internal.v1.StockService/ReserveStock
claim=ordershop.internal.v1.OrderClaimService/ClaimOrder
expect "a client may not reserve stock" fails_with PermissionDenied CALLER_NOT_ALLOWED \
  as client/ada $reserve "$(address_of inventory)"
expect "nor may a service that is not listed" fails_with PermissionDenied 'not for billing: only for order' \
  as billing $reserve "$(address_of inventory)"
expect "the order service may: it is told what is wrong with its request" fails_with InvalidArgument . \
  as order $reserve "$(address_of inventory)"
expect "the order service may not claim orders" fails_with PermissionDenied CALLER_NOT_ALLOWED \
  as order $claim "$(address_of order)"
expect "the billing service may" fails_with InvalidArgument . as billing $claim "$(address_of order)"

# --- Who has called, and for what, in the log ---

tls_service_restart order ORDERSHOP_LOG_LEVEL=debug
trace=0af7651916cd43dd8448eb211c80319c
product=$(client product create --name Kettle --price 1 --quiet)
client inventory create --product "$product" --amount 1 >"$shop_folder/created"
order=$(client order create --customer "$(client customer create --name Ada --email ada@example.com --quiet)" --product "$product" --quiet)
bill_in_trace() {
  "$grpcurl" -cacert "$tls/ca.crt" -cert "$tls/client/ada.crt" -key "$tls/client/ada.key" -max-time $((60 * shop_slowness)) \
    -H "traceparent: 00-$trace-b7ad6b7169203331-01" -d "{\"billing\": {\"orderId\": \"$order\"}}" \
    "$(address_of billing)" ordershop.v1.BillingService/CreateBilling
}
event_has_trace() { redis XREVRANGE events:billing_created + - COUNT 1 | grep -- "00-$trace-b7ad6b7169203331-01"; }
in_log_of_order() { grep -- "$1" "$(log_of order)"; }
expect "an order is billed in a trace" bill_in_trace
expect "the line of the call that this leads to has the trace, and who called" \
  in_log_of_order "answered a call. .*trace_id=$trace method=ClaimOrder code=OK duration_ms=.* caller=billing$"
expect "calls out of the trace don't have it" wait_until 30 in_log_of_order "answered a call. request_id=[-0-9a-f]* method=CreateOrder .* caller=client/ada$"
expect "the event has the trace" event_has_trace

# --- Operators ---

{ certificates issue client/operator; } >"$shop_folder/certificates" 2>&1 || fail "$(cat "$shop_folder/certificates")"
redis sadd crm_parked_keys held >/dev/null # a key that an operator has to free
by_operator() { client --tls-certificate-file "$tls/client/operator.crt" --tls-key-file "$tls/client/operator.key" "$@"; }
expect "anybody may list dead letters" says 'SERVICE' 0 client dead-letter list crm
expect "who is no operator may not retry them" \
  says 'RetryDeadLetters is not for client/ada: only for client/operator (PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 \
  client dead-letter retry crm held
expect "nor skip them" says 'PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 client dead-letter skip crm held 1-1 --reason "a try"
expect "nor archive events" says 'PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 client archive --older-than 30d
expect "whoever he says he is" says 'PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 \
  client dead-letter retry crm held --by client/operator
expect "an operator may" says '1 key retried, 1 of them freed' 0 by_operator dead-letter retry crm held --by grace
expect "it is recorded that it was him" says 'client/operator (grace)' 0 \
  eval 'by_operator dead-letter log crm --json | sed -n 1p'
expect "anybody may look at what is known of the log" says '^SERVICE  *LOG' 0 client log status customer
expect "who is no operator may accept no loss of it" says 'PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 \
  client log accept customer nothing --by client/operator
expect "an operator may, if there is one" says LOG_LOSS_CHANGED 1 by_operator log accept customer nothing
expect "anybody may look at a service's views" says '^views of crm:' 0 client view status crm
expect "who is no operator may have none built anew" says 'PERMISSION_DENIED CALLER_NOT_ALLOWED' 1 \
  client view rebuild crm profiles --by client/operator
expect "an operator may" says 'crm profiles was built anew' 0 by_operator view rebuild crm profiles
tls_service_restart crm ORDERSHOP_OPERATORS=order,client/ada
redis sadd crm_parked_keys held >/dev/null
expect "who is listed in ORDERSHOP_OPERATORS may" says '1 key retried' 0 client dead-letter retry crm held
expect "others may not" says 'only for order,client/ada' 1 by_operator dead-letter retry crm held

service_stop inventory
tls_service_start inventory ORDERSHOP_INTERNAL_CALLERS=order,client/ada
wait_for_serving inventory
expect "who is listed in ORDERSHOP_INTERNAL_CALLERS may" fails_with InvalidArgument . \
  as client/ada $reserve "$(address_of inventory)"

service_stop inventory
tls_service_start inventory ORDERSHOP_TLS_CLIENTS=any
wait_for_serving inventory
expect "with ORDERSHOP_TLS_CLIENTS=any a client needs no certificate" \
  plainly client --tls-ca-file "$tls/ca.crt" inventory list
expect "but internal methods are not for him" fails_with PermissionDenied 'callers without a certificate' \
  "$grpcurl" -cacert "$tls/ca.crt" -d '{}' "$(address_of inventory)" $reserve

# --- Probes, and TLS without a CA ---

service_stop customer
tls_service_start customer ORDERSHOP_HEALTH_LISTEN="127.0.0.1:$(spare_port)"
wait_for_serving customer
at_probe() { plainly client --customer-address "127.0.0.1:$(spare_port)" "$@"; }
expect "the probes' address answers health in plain text" at_probe health customer
expect "and nothing else" says 'UNIMPLEMENTED\|has no such method\|unknown method' 1 at_probe customer list

service_stop customer
service_start customer ORDERSHOP_TLS_CA_FILE= ORDERSHOP_TLS_CERTIFICATE_FILE="$tls/customer.crt" \
  ORDERSHOP_TLS_KEY_FILE="$tls/customer.key"
wait_for_serving customer
expect "certificate and key alone: the service shows itself and asks for nothing" \
  plainly client --tls-ca-file "$tls/ca.crt" customer list

service_stop customer
certificates renew customer --life "$((4 * shop_slowness))s" >"$shop_folder/certificates"
tls_service_start customer
wait_until 60 has_expired customer || fail "the certificate of customer does not end"
expect "who meets a certificate that has expired is told so" \
  says 'customer at .*: its certificate has expired: it needs a new one' 3 client customer list
certificates renew customer >"$shop_folder/certificates"
renewed_serves() { client customer list; }
expect "when it is renewed, calls go on, without a restart" wait_until 60 renewed_serves

# --- Files that are unfit at the start ---

service_stop customer
refuses() { # refuses SENTENCE VARIABLE=VALUE...
  local sentence=$1 lines
  shift
  : >"$(log_of customer)"
  tls_service_start customer "$@"
  await_end customer 20
  cat "$(log_of customer)"
  lines=$(wc -l <"$(log_of customer)")
  [ "$shop_status" -eq 1 ] && grep -q "^ordershop-customer: $sentence" "$(log_of customer)" && [ "$lines" -eq 1 ]
}
cp "$tls/ca.crt" "$tls/garbage.crt"
sed -i 's/^[A-Z].*/garbage/' "$tls/garbage.crt"
expect "a service does not start without its key file" \
  refuses "ORDERSHOP_TLS_KEY_FILE: $tls/no.key: can't be read: No such file" ORDERSHOP_TLS_KEY_FILE="$tls/no.key"
expect "nor with the key of another" \
  refuses "ORDERSHOP_TLS_KEY_FILE: $tls/crm.key: is not the key of the certificate in .*$tls/customer.crt" ORDERSHOP_TLS_KEY_FILE="$tls/crm.key"
expect "nor with a certificate alone" refuses "ORDERSHOP_TLS_KEY_FILE: is not set" ORDERSHOP_TLS_KEY_FILE=
expect "nor with a CA alone" refuses "ORDERSHOP_TLS_CA_FILE: needs ORDERSHOP_TLS_CERTIFICATE_FILE" \
  ORDERSHOP_TLS_KEY_FILE= ORDERSHOP_TLS_CERTIFICATE_FILE=
expect "nor with a certificate that has expired" refuses "ORDERSHOP_TLS_CERTIFICATE_FILE: $tls/client/late.crt: the certificate expired at 20" \
  ORDERSHOP_TLS_CERTIFICATE_FILE="$tls/client/late.crt" ORDERSHOP_TLS_KEY_FILE="$tls/client/late.key"
expect "nor with a CA that is none" refuses "ORDERSHOP_TLS_CA_FILE: $tls/garbage.crt: holds no certificate in PEM" \
  ORDERSHOP_TLS_CA_FILE="$tls/garbage.crt"
expect "nor with callers that are neither certified nor any" refuses "ORDERSHOP_TLS_CLIENTS: " \
  ORDERSHOP_TLS_CLIENTS=some
shop_done
