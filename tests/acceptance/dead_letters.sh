#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Dead letters are seen, retried and skipped by `ordershop dead-letter` alone. CRM can't record what a customer does while the
# index of his interactions is damaged.

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
. "$ORDERSHOP_SOURCE/tests/lib/interaction_damage.sh"

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

letters() { client dead-letter "$@"; }

# --- Customers ---

new_customer() { # new_customer NAME: prints his id when he is welcomed
  local id
  id=$(client customer create --name "$1" --email "$1@example.com" --quiet)
  wait_until 60 has_interactions "$id" 1 || fail "$1 is not welcomed"
  echo "$id"
}

order() { client order create --customer "$1" --product "$product" --quiet; } # order CUSTOMER

waits() { # waits CUSTOMER COUNT: so many events wait behind the first dead letter
  letters list crm --json | grep "\"key\":\"$1\".*\"waiting\":\"$2\"" >/dev/null
}

first_id() { letters show crm "$1" --json | sed -n '1s/^{"id":"\([^"]*\)".*/\1/p'; } # first_id CUSTOMER

first_order() { letters show crm "$1" --json | sed -n '1s/.*"customerId":"\([^"]*\)".*/\1/p'; }

mails_to() { client mail list --to "$1@example.com" --all --json | wc -l; }
has_mails() { [ "$(mails_to "$1")" = "$2" ]; } # has_mails NAME COUNT

# --- Nothing ---

shop_start
expect "where there are none it says so" ends_with 0 'no dead letters' letters list
expect "of one service, too" ends_with 0 'no dead letters' letters groups crm
expect "a service without a consumer serves none" ends_with 1 UNIMPLEMENTED letters list customer
expect "a key without dead letters is not found" ends_with 1 DEAD_LETTER_NOT_FOUND letters show crm nobody
expect "nor can it be retried" ends_with 1 DEAD_LETTER_NOT_FOUND letters retry crm nobody
expect "what is to be retried must be said" ends_with 2 'needs a service, and a key' letters retry crm
expect "once" ends_with 2 'needs a service, and a key' letters retry crm nobody --all
expect "a reason is required to skip" ends_with 2 reason letters skip crm nobody 1-1
expect "a service that doesn't exist is refused" ends_with 2 'no service "cashier"' letters list cashier

# --- Retries ---

product=$(client product create --name Kettle --price 1 --quiet)
client inventory create --product "$product" --amount 100 >/dev/null
ada=$(new_customer ada) grace=$(new_customer grace) alan=$(new_customer alan)
for customer in "$ada" "$grace" "$alan"; do
  damage "$customer" >/dev/null
  order "$customer" >/dev/null
done
order "$ada" >/dev/null
order "$ada" >/dev/null
expect "an event that can't be handled is listed, with those that wait behind it" wait_until 60 waits "$ada" 2
expect "the others, too" wait_until 60 waits "$grace" 0
expect "the list tells why" ends_with 0 'REDIS_WRONGTYPE\|WORK_REFUSED\|holds' letters list crm
expect "the status tells what to do" wait_until 60 ends_with 0 'dead-letter list crm' client status crm
expect "their reasons are of one kind" ends_with 0 '"keys":"3"' letters groups crm --json
expect "the event itself is shown" test "$(first_order "$ada")" = "$ada"
expect "to people, too" ends_with 0 "customer id  *$ada" letters show crm "$ada"
expect "a retry before the cause is mended fails" ends_with 1 'still held' letters retry crm "$ada"
expect "and is counted" ends_with 0 '"attempts":"2"' letters list crm --json
mend "$ada" >/dev/null
expect "when the cause is mended it succeeds" ends_with 0 '1 key retried, 1 of them freed' letters retry crm "$ada" --by ada
expect "with all that waited behind" has_interactions "$ada" 4
expect "once" wait_until 60 has_mails ada 7 # welcome; of each order thank you, please pay
order "$ada" >/dev/null
expect "the key goes on" wait_until 60 has_interactions "$ada" 5

# --- All of a kind, and skipping ---

kind=$(letters groups crm --json | sed -n 's/^{"fingerprint":"\([0-9a-f]*\)".*/\1/p')
mend "$grace" >/dev/null
expect "of all keys of a kind those that can be handled are freed, others stay" ends_with 1 "$alan" letters retry crm --kind "$kind"
expect "the freed one is handled" wait_until 60 has_interactions "$grace" 2
expect "another kind has no keys" ends_with 0 '^0 keys' letters retry crm --kind 0123456789abcdef
order "$alan" >/dev/null
expect "the other one waits" wait_until 60 waits "$alan" 1
expect "what is not the first is not skipped" ends_with 1 DEAD_LETTER_NOT_FIRST letters skip crm "$alan" 1-1 --reason "a try"
mend "$alan" >/dev/null
skipped=$(first_id "$alan")
expect "the first one is" ends_with 0 skipped letters skip crm "$alan" "$skipped" --reason "he wants no mail" --by grace
expect "once" ends_with 1 'DEAD_LETTER_NOT_F' letters skip crm "$alan" "$skipped" --reason "he wants no mail"
expect "what is behind it is handled" wait_until 60 has_interactions "$alan" 2
expect "and nothing else" wait_until 60 has_mails alan 4 # welcome, twice please pay, thank you
expect "it is recorded who did what, and why" ends_with 0 "grace  *skip  *$alan  *$skipped  *he wants no mail" letters log crm
expect "retries, too" ends_with 0 "ada  *retry  *$ada" letters log crm
expect "nothing is left" ends_with 0 'no dead letters' letters list
expect "all that can be done is nothing" ends_with 0 '^0 keys' letters retry crm --all
shop_done
