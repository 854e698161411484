#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Where services have Redises of their own, each one's log is archived, and all are told as one from the archive.

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

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }
archive() { client archive --older-than 0s --force --by ada; }
tell_all() { client events tail --from BEGINNING --no-follow --json >"$1"; } # tell_all FILE: a line for each event
export ORDERSHOP_ARCHIVE_FOLDER=$shop_folder/archive
shop_users_arguments=(--archive --apart)

# In each Redis of these streams' owners one entry is left.
is_archived() {
  archive >"$shop_folder/archived" && [ "$(apart_redis customer xlen events:customer_created)" -eq 1 ] &&
    [ "$(apart_redis order xlen events:order_created)" -eq 1 ] &&
    [ "$(apart_redis inventory xlen events:inventory_updated)" -eq 1 ]
}
tells_the_same() { tell_all "$shop_folder/now" && cmp "$shop_folder/now" "$shop_folder/before"; }

command -v jq >/dev/null || skip "jq is not installed"
shop_prepare
redis_start
for owner in "${shop_owners[@]}"; do apart_redis_start "$owner"; done
for name in "${shop_services[@]}"; do apart_service_start "$name"; done
wait_for_serving "${shop_services[@]}"

product=$(client product create --name Lamp --price 10 --quiet)
client inventory create --product "$product" --amount 100 --quiet >/dev/null
for number in 1 2 3; do
  customer=$(client customer create --name "Customer $number" --email "c$number@example.com" --quiet)
  client order create --customer "$customer" --product "$product" --quiet >/dev/null
done

all_mails_are_sent() { [ "$(apart_redis mail xlen events:mail_updated)" -ge 9 ]; } # to each customer a welcome, a thank-you, a request for payment
expect "what follows from the orders is done" wait_until 60 all_mails_are_sent
tell_all "$shop_folder/before"
expect "each log is archived when all who read it have applied it" wait_until 90 is_archived
expect "each has files of its own" test "$(find "$ORDERSHOP_ARCHIVE_FOLDER" -name 'order_*.sqlite' | wc -l)" -ge 1
expect "each event is told once, as before" tells_the_same

service_stop event
rm "$shop_folder"/event/events.sqlite*
apart_service_start event
wait_for_serving event
expect "an index that is made anew has what is archived, in the order of all logs" tells_the_same
for name in inventory crm; do
  service_stop "$name"
  apart_service_start "$name"
done
expect "services go on behind what was trimmed" wait_until 60 serve "${shop_services[@]}"
for view in 'inventory products' 'order customers' 'crm profiles'; do
  # shellcheck disable=SC2086 # words
  expect "$view is what the events say, of several logs and their archives" \
    ends_with 0 "$view is what the events say" client view rebuild $view --verify
done
expect "the audit reads through the archive and finds nothing" client audit
shop_done
