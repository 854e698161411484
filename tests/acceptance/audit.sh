#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# `ordershop audit` from outside: what it tells people and programs, and how it ends. What it finds is in fault/client_audit_test.

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
audit() { client audit --settle 0 "$@"; }

# --- Clean ---

shop_start
product=$(client product create --name Kettle --price 12.34 --quiet)
client inventory create --product "$product" --amount 1000 >/dev/null
ada=$(client customer create --name Ada --email ada@example.com --quiet)
order=$(client order create --customer "$ada" --product "$product" --quiet)
client billing create --order "$order" --quiet >/dev/null
expect "a shop that has just sold is clean" ends_with 0 ' 0 violations' client audit
is_settled() { ends_with 0 ' 0 violations, 0 entities undecided' audit; }
expect "when all is settled its mails are, too" wait_until 60 is_settled
expect "programs are told in JSON" ends_with 0 '^{"events":[0-9]*,"violations":0,"undecided":0,"readTo":"[0-9-]*"}$' audit --json
since=$(audit --json | sed -n 's/.*"readTo":"\([^"]*\)".*/\1/p')
expect "an audit goes on where the last one ended" ends_with 0 '^0 events audited' audit --since "$since"
expect "or a while ago" ends_with 0 ' 0 violations' audit --since 1h
expect "a place that is none is refused" ends_with 2 'is not BEGINNING' audit --since yesterday
expect "as is a time that is none" ends_with 2 'is not a number of seconds' client audit --settle soon

# --- Not clean ---

redis rename "order_entity:$order" aside >/dev/null
expect "what is wrong is named, with its ids" ends_with 1 "^STATE_MISSING order $order at [0-9-]*: " audit
expect "to programs, too" ends_with 1 "^{\"violation\":\"STATE_MISSING\",\"entityType\":\"order\",\"id\":\"$order\"" audit --json
redis rename aside "order_entity:$order" >/dev/null
expect "until it is mended" ends_with 0 ' 0 violations' audit
service_stop event
expect "without an answer there is no verdict" ends_with 3 UNAVAILABLE "$ORDERSHOP_BIN/ordershop" --timeout 1 audit
shop_done
