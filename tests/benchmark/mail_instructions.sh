#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Counts the instructions that the mail service takes for the mails of an order, by valgrind: a figure that neither the
# file system nor what else the machine does changes. The orders are made while the service is away; it is started then,
# and ended when all mails are sent. A start without mails is taken off.
#
#   mail_instructions.sh [BIN]     BIN: folder of the executables (default build/bin; not a test build)

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

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
export ORDERSHOP_SOURCE=$root ORDERSHOP_BIN=${1:-$root/build/bin}
# shellcheck source-path=SCRIPTDIR source=../lib/shop.sh
. "$root/tests/lib/shop.sh"

load() { "$ORDERSHOP_BIN/ordershop" load --port-base "$shop_port_base" --warm-up 0 "$@" >/dev/null; }
orders() { redis ZCARD order_by_creation; }
all_is_sent() { [ "$(redis XLEN events:mail_updated)" -ge $((2 * $(orders))) ]; }
mails_wait() { [ $(($(redis LLEN billing_outbox) + $(redis LLEN crm_outbox))) -ge $((2 * $1)) ]; }

# The mail service, run by valgrind: its folder of executables has nothing else in it.
counted=$shop_folder/counted
mkdir "$counted"
printf '#!/bin/sh\nexec valgrind --tool=callgrind --callgrind-out-file=%s %s "$@"\n' "$counted/profile" \
  "$ORDERSHOP_BIN/ordershop-mail" >"$counted/ordershop-mail"
chmod +x "$counted/ordershop-mail"

count() { # count COMMAND...: instructions of the mail service, from its start until the command has succeeded
  ORDERSHOP_BIN=$counted service_start mail
  wait_until 600 "$@"
  service_stop mail
  sed -n 's/^totals: //p' "$counted/profile"
}

mail_serves() { ORDERSHOP_MAIL_ADDRESS=$(address_of mail) "$ORDERSHOP_BIN/ordershop" health mail >/dev/null 2>&1; }

shop_start
load --seconds 1 # makes what orders need
wait_until 120 all_is_sent
service_stop mail
without=$(count mail_serves)
before=$(orders)
load --seconds 2
made=$(($(orders) - before))
wait_until 120 mails_wait $made
with=$(count all_is_sent)
say "mail $(((with - without) / made)) instructions an order ($made orders)"
