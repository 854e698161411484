#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# deploy/tls/certificates.sh: what it makes, what it keeps, and what it refuses.

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
[ "${ORDERSHOP_TEST_SLOWNESS:-1}" = 1 ] || skip "not applicable: no program of the shop runs here"
command -v openssl >/dev/null || skip "no openssl"

tls=$shop_folder/tls
certificates() { "$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$tls" "$@"; }

# refuses STATUS PATTERN COMMAND...: exits so and says so in one line
refuses() {
  local expected=$1 pattern=$2 output status=0
  shift 2
  output=$("$@" 2>&1) || status=$?
  printf '%s (%s)\n' "$output" "$status"
  [ "$status" -eq "$expected" ] && [ "$(wc -l <<<"$output")" -eq 1 ] && grep -q -- "$pattern" <<<"$output"
}
is_of_ca() { openssl verify -x509_strict -CAfile "$tls/ca.crt" "$tls/$1.crt"; }
is_refused_as_server() { ! openssl verify -purpose sslserver -CAfile "$tls/ca.crt" "$tls/$1.crt"; }
has_name() { openssl x509 -in "$tls/$1.crt" -noout -ext subjectAltName | grep -F "$2"; }
mode_is() { [ "$(stat -c %a "$tls/$2")" = "$1" ]; }
days_left() { echo $((($(date -d "$(openssl x509 -in "$tls/$1.crt" -noout -enddate | cut -d= -f2)" +%s) - $(date +%s) + 60) / 86400)); }

expect "without a CA nothing is issued" refuses 1 'there is no CA in .*; make one: ' certificates issue order
expect "a CA is made" certificates ca
cp "$tls/ca.crt" "$shop_folder/ca.crt"
expect "it is not overwritten" refuses 1 'has a CA already' certificates ca
expect "... and is as it was" cmp "$tls/ca.crt" "$shop_folder/ca.crt"
expect "it lasts ten years" test "$(days_left ca)" = 3650
expect "its key is its owner's alone" mode_is 600 ca.key

expect "certificates are issued for all services" certificates issue-all shop.example 192.0.2.7
for name in "${shop_services[@]}"; do
  expect "$name's is of the CA" is_of_ca "$name"
  expect "$name's says who it is" has_name "$name" "URI:spiffe://ordershop/$name,"
  expect "$name's is for its name in Kubernetes" has_name "$name" "DNS:$name.ordershop.svc.cluster.local"
done
expect "they are for this machine" has_name order 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1'
expect "... and for the hosts that were given" has_name order 'DNS:shop.example, IP Address:192.0.2.7'
expect "they last ninety days" test "$(days_left order)" = 90
expect "their keys are their owner's alone" mode_is 600 order.key
expect "a client's certificate is issued" certificates issue client/ada
expect "it says who that is" has_name client/ada 'URI:spiffe://ordershop/client/ada'
expect "it is for calling only" is_refused_as_server client/ada

is_listed() { certificates list | tee "$shop_folder/list" && grep -q "^$1 *$2 20" "$shop_folder/list"; }

cp "$tls/order.crt" "$shop_folder/order.crt"
is_as_before() { cmp -s "$tls/order.crt" "$shop_folder/order.crt"; }
expect "what is far from its end is not renewed, which is said" refuses 0 'nothing ends within 30d' certificates renew
expect "... and stays as it was" is_as_before
expect "one that is named is" certificates renew order
expect_new() { ! is_as_before; }
expect "... and is another then" expect_new
expect "... for the same hosts" has_name order 'DNS:shop.example, IP Address:192.0.2.7'
certificates issue mail --life 10d >"$shop_folder/made"
certificates renew >"$shop_folder/made"
expect "what is near its end is renewed" grep -q '^mail: ' "$shop_folder/made"
expect "... and nothing else" test "$(wc -l <"$shop_folder/made")" = 1

expect "who is listed is valid" is_listed order until
certificates issue client/late --life 0s >"$shop_folder/made"
expect "... or marked as expired" is_listed client/late 'EXPIRED at'
certificates renew >"$shop_folder/made"

expect "the next CA joins the old one" certificates next-ca
expect "... whose certificates stay good" is_of_ca order
expect "the old one is not dropped while something is of it" refuses 1 'is still of an old CA' certificates drop-old-ca
expect "all is renewed by the next one" certificates renew "${shop_services[@]}" client/ada client/late
expect "then the old one is dropped" certificates drop-old-ca
expect "one CA is left" test "$(grep -c BEGIN "$tls/ca.crt")" = 1
expect "... and the certificates are of it" is_of_ca order

expect "a name that is none is refused" refuses 2 "'../x' is no name" certificates issue ../x
expect "so is a host" refuses 2 "'a b' is neither" certificates issue order 'a b'
expect "so is a length of time" refuses 2 "'soon' is no length of time" certificates renew --within soon
expect "so is a command" refuses 2 "there is no command 'isue'" certificates isue order
rm "$tls/ca.key"
expect "without the CA's key nothing is issued" refuses 1 "$tls/ca.key is missing" certificates issue order
expect "nothing half made is left" test -z "$(find "$tls" -name '.making*')"
shop_done
