#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A view that somebody has damaged is found and mended by `ordershop view` alone, while customers and orders keep coming: what was
# wrong is named, the view is built anew from the log, no mail goes out twice, and a leader that is killed on the way
# leaves the live view as it was.

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
. "$ORDERSHOP_SOURCE/tests/lib/ordering_customers.sh"

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
view() { client view "$@"; }

customer_number() { sed -n "$1p" "$shop_folder/confirmed"; } # customer_number NUMBER

has_ordered() { client crm profile "$1" | grep '^order count *1$'; } # has_ordered CUSTOMER

# --- Damage ---

# The first customer's profile becomes the second one's, the third one's is gone, and there is one of nobody.
damage() {
  local folder=$shop_folder
  redis --raw hget crm_profiles "$(customer_number 2)" | head -c -1 >"$folder/row"
  redis -x hset crm_profiles "$(customer_number 1)" <"$folder/row" >/dev/null
  redis -x hset crm_profiles "$nobody" <"$folder/row" >/dev/null
  redis hdel crm_profiles "$(customer_number 3)" >/dev/null
}

# --- Nothing is wrong ---

shop_start
product=$(client product create --name Lamp --price 10 --quiet)
client inventory create --product "$product" --amount 100000 --quiet >/dev/null
: >"$shop_folder/confirmed"
readonly nobody=5f1b1c6e-0c4e-4f0e-9a63-6f2f3a1d7c10
customers_come &
callers=$!
await_customers 3
expect "a service tells its views" ends_with 0 'views of crm: .*profiles' view status crm
expect "a view is what the events say, while these keep coming" ends_with 0 'crm profiles is what the events say' \
  view rebuild crm profiles --verify
expect "which view is meant must be said" ends_with 2 'needs a service, and one of the views' view rebuild crm
expect "a view that isn't there is not found" ends_with 1 VIEW_NOT_FOUND view rebuild crm nothing
expect "a service without views has none to tell of" ends_with 1 UNIMPLEMENTED view status customer

# --- A view is wrong ---

expect "the first customers' orders are in their profiles" wait_until 60 has_ordered "$(customer_number 3)"
damage
expect "a verification finds it" ends_with 1 'crm profiles is wrong: 3 rows differ' view rebuild crm profiles --verify
expect "a wrong row by its fields" ends_with 0 "$(customer_number 1) *WRONG *customer_id *$(customer_number 2)" view status crm
expect "a missing row" ends_with 0 "$(customer_number 3) *MISSING" view status crm
expect "a surplus row" ends_with 0 "$nobody *SURPLUS" view status crm
expect "and changes nothing" test "$(redis hexists crm_profiles "$nobody")" = 1

# --- It is mended, though the leader is killed on the way ---

fail_point_arm crm view.before_end kill
view rebuild crm profiles --by ada --reason "the profiles were wrong" >"$shop_folder/rebuilt" 2>&1 &
rebuilding=$!
expect "the leader is killed just before the end" wait_until 60 fail_point_was_hit crm view.before_end
expect "the live view is as it was" test "$(redis hexists crm_profiles "$nobody")" = 1
await_end crm 60
service_start crm
expect "the command goes on, and ends when the next leader has done it" wait $rebuilding
expect "it says so" grep -q 'crm profiles was built anew' "$shop_folder/rebuilt"
await_customers 3
expect "then it is what the events say" ends_with 0 'crm profiles is what the events say' view rebuild crm profiles --verify
expect "nothing is left beside it" test "$(redis exists crm_rebuild:profiles crm_rebuild:orders crm_replaced:profiles)" = 0
expect "it is recorded who has done it, and why" ends_with 0 'ada.*rebuild view.*profiles.*the profiles were wrong' \
  client dead-letter log crm

# --- What came of it ---

touch "$shop_folder/closed"
wait $callers || true
expect "the last orders are in their profiles" wait_until 60 has_ordered "$(customer_number "$(confirmed)")"
while read -r service name; do
  expect "$service $name is what the events say" ends_with 0 "$service $name is what the events say" \
    view rebuild "$service" "$name" --verify
done <<'VIEWS'
inventory products
order customers
order products
billing customers
billing orders
crm orders
crm profiles
VIEWS
expect "the shop's audit finds nothing, no mail twice and no profile that differs" wait_until 90 client audit
shop_done
