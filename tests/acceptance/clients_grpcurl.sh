#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# grpcurl without any proto file: what it lists, describes and calls comes from the services' reflection.

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

# the newest version that Debian 12's Go can build
grpcurl=$(find_go_tool grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl v1.8.9 2>"$shop_folder/why") ||
  skip "no grpcurl: $(tail -n 1 "$shop_folder/why")"

shop_start

# ask SERVICE [OPTION...] METHOD [JSON]: calls ordershop.v1.<Service>Service/METHOD
ask() {
  local service=$1 options=()
  shift
  while [[ $1 == -* ]]; do
    options+=("$1" "$2")
    shift 2
  done
  "$grpcurl" -plaintext -max-time $((60 * shop_slowness)) "${options[@]}" -d "${2:-{\}}" "$(address_of "$service")" \
    "ordershop.v1.${service^}Service/$1"
}

# Prints the value of a field of the JSON on standard input.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" | sed -n 1p; }

lists_itself() {
  local listed
  listed=$("$grpcurl" -plaintext "$(address_of "$1")" list)
  grep -qx "ordershop.v1.${1^}Service" <<<"$listed" && grep -qx grpc.health.v1.Health <<<"$listed"
}

describes() { # describes SERVICE SYMBOL PATTERN
  local described
  described=$("$grpcurl" -plaintext "$(address_of "$1")" describe "$2")
  printf '%s\n' "$described"
  grep -q "$3" <<<"$described"
}

# fails_with CODE PATTERN COMMAND...: it prints that code, and the pattern somewhere
fails_with() {
  local code=$1 pattern=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s\n' "$output"
  [ "$status" -ne 0 ] && grep -q "Code: $code" <<<"$output" && grep -q "$pattern" <<<"$output"
}

for name in "${shop_services[@]}"; do
  expect "$name lists what it serves" lists_itself "$name"
done
expect "a service is described with its methods" describes customer ordershop.v1.CustomerService 'rpc CreateCustomer ('
expect "a message is described with its fields" describes order ordershop.v1.Order 'int64 total_cents = 5;'
expect "an internal service is described, too" describes inventory ordershop.internal.v1.StockService 'rpc ReserveStock ('

ada=$(ask customer CreateCustomer '{"customer": {"name": "Ada", "email": "ada@example.com"}}' | field id)
expect "a customer that was created is got" ask customer GetCustomer "{\"id\": \"$ada\"}"
expect "each service answers a call: product" ask product ListProducts
expect "each service answers a call: inventory" ask inventory ListInventories
expect "each service answers a call: order" ask order ListUnbilledOrders
expect "each service answers a call: billing" ask billing ListBillings
expect "each service answers a call: crm" ask crm ListInteractions
expect "each service answers a call: mail" ask mail ListMails

expect "an error comes with its details, decoded" fails_with InvalidArgument '"field": *"customer.email"' \
  ask customer CreateCustomer '{"customer": {"name": "Ada", "email": "ada"}}'
expect "an error's reason is there" fails_with NotFound '"reason": *"CUSTOMER_NOT_FOUND"' \
  ask customer GetCustomer '{"id": "00000000-0000-4000-8000-000000000000"}'

lamp=$(ask product CreateProduct '{"product": {"name": "Lamp", "price_cents": 1250}}' | field id)
position=$("$grpcurl" -plaintext -v -d "{\"inventory\": {\"product_id\": \"$lamp\", \"amount\": 3}}" \
  "$(address_of inventory)" ordershop.v1.InventoryService/CreateInventory |
  sed -n 's/^ordershop-position: //p')
expect "a command answers its position in trailing metadata" test -n "$position"
expect "a call waits for the position in its metadata" \
  ask order -H "ordershop-after: $position" CreateOrder \
  "{\"order\": {\"customer_id\": \"$ada\", \"product_ids\": [\"$lamp\"]}}"

service_pause inventory
expect "a deadline is kept" fails_with DeadlineExceeded . \
  ask order -max-time 0.5 CreateOrder "{\"order\": {\"customer_id\": \"$ada\", \"product_ids\": [\"$lamp\"]}}"
service_resume inventory
expect "and nothing was half done" ask order ListOrders "{\"customer_id\": \"$ada\"}"
shop_done
