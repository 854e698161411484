#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A view is built anew from a log whose beginning is in the archive, while orders keep coming and more of it is archived: it is
# what the events say, and where nobody is named who tells archived events, that is said.

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
archive() { client archive --older-than 0s --force --by ada "$@"; }
verify() { client view rebuild "$1" "$2" --verify; } # verify SERVICE VIEW
export ORDERSHOP_ARCHIVE_FOLDER=$shop_folder/archive

archive_all_the_time() { until [ -e "$shop_folder/archived_enough" ]; do archive >/dev/null 2>&1 || true; done; }
first_of() { redis --raw xrange "events:$1" - + count 1 | sed -n 1p; } # first_of STREAM
has_moved_from() { [ "$(first_of "$2")" != "$1" ]; }                       # has_moved_from ENTRY STREAM
was_trimmed() { [ "$(redis --json xinfo stream "events:$1" | jq '.["entries-added"] - .length')" -gt 0 ]; } # was_trimmed STREAM
archives_all() { archive >/dev/null && [ "$(redis xlen "events:$1")" -eq 1 ]; }                 # archives_all STREAM

# --- Under load ---

command -v jq >/dev/null || skip "jq is not installed"
shop_users_arguments=(--archive)
shop_start
product=$(client product create --name Lamp --price 10 --quiet)
client inventory create --product "$product" --amount 100000 --quiet >/dev/null
: >"$shop_folder/confirmed"
customers_come &
callers=$!
await_customers 10
archive_all_the_time &
archiver=$!
expect "events leave Redis" wait_until 60 was_trimmed customer_created
await_customers 5
for ((round = 1; round <= 5; round++)); do
  first=$(first_of order_created)
  expect "a view is what the events say, archived ones and new ones" \
    ends_with 0 'crm profiles is what the events say' verify crm profiles
  await_customers 2
  expect "more is archived meanwhile" wait_until 60 has_moved_from "$first" order_created
done
redis hdel crm_profiles "$(sed -n 1p "$shop_folder/confirmed")" "$(sed -n 5p "$shop_folder/confirmed")" >/dev/null
expect "a row of an archived event is mended" \
  ends_with 0 'crm profiles was built anew' client view rebuild crm profiles --by ada
touch "$shop_folder/closed" "$shop_folder/archived_enough"
wait $callers $archiver || true

# --- Everything is archived ---

expect "all is archived: Redis has one order_created" wait_until 60 archives_all order_created
while read -r service name; do
  expect "$service $name is what the events say" ends_with 0 "$service $name is what the events say" verify "$service" "$name"
done <<'VIEWS'
inventory products
order customers
order products
billing customers
billing orders
crm orders
crm profiles
VIEWS

# --- Nobody tells what is archived ---

service_stop event
expect "while the event service is away it is begun again, and given up" ends_with 1 VIEW_REBUILD_GIVEN_UP verify crm profiles
expect "a view whose events are all in Redis is built all the same" \
  ends_with 0 'order products is what the events say' verify order products
service_start event
wait_for_serving event
service_stop crm
ORDERSHOP_EVENT_ADDRESS='' service_start crm
wait_for_serving crm
expect "where no event service is named, it is said what to set" \
  ends_with 1 'LOG_GAP.*set ORDERSHOP_EVENT_ADDRESS' verify crm profiles
service_restart crm
wait_for_serving crm

# --- The archive lacks something ---

service_stop event
mv "$shop_folder/archive" "$shop_folder/archive.away"
rm "$shop_folder"/event/events.sqlite*
service_start event
expect "a view is not built from less than there was" \
  ends_with 1 'LOG_GAP\|VIEW_REBUILD_GIVEN_UP' verify crm profiles
shop_done
