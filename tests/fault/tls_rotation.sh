#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Certificates, then the CA, are exchanged under a shop that works: no call fails, nobody is started again, and what is
# unfit is not taken over.

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
. "$ORDERSHOP_SOURCE/tests/lib/tls_shop.sh"

load_seconds=$((12 * shop_slowness))

# As often as their files have changed, or more often: they may have been read between two of the changes.
times_read() { grep -c 'certificates read again' "$(log_of "$1")" || true; }

declare -A read_before=()
note_reads() {
  local name
  for name in "${shop_services[@]}"; do read_before[$name]=$(times_read "$name"); done
}
has_read_again() { [ "$(times_read "$1")" -gt "${read_before[$1]}" ]; }
all_have_read() {
  local name
  for name in "${shop_services[@]}"; do wait_until 60 has_read_again "$name" || return 1; done
}
issuer_shown() { # issuer_shown SERVICE: of the certificate that it shows to new connections
  openssl s_client -connect "$(address_of "$1")" -CAfile "$tls/ca.crt" -cert "$tls/client/ada.crt" \
    -key "$tls/client/ada.key" -alpn h2 2>/dev/null </dev/null | openssl x509 -noout -issuer
}
issuer_is_not() { [ "$(issuer_shown "$1")" != "$2" ]; }

exchange() { # exchange SENTENCE COMMAND...: by certificates.sh
  local sentence=$1
  shift
  note_reads
  expect "$sentence" certificates "$@"
  expect "... and all services read it within seconds" all_have_read
}

tls_certify --life "$((20 * shop_slowness))s"
short_lived_end() { ! openssl x509 -in "$shop_folder/first.crt" -noout -checkend 0 >"$shop_folder/checked"; }
cp "$tls/order.crt" "$shop_folder/first.crt"
tls_shop_start
first_issuer=$(issuer_shown order)

expect "a certificate that ends soon is told of, once" test 1 = "$(grep -c 'the certificate ends soon' "$(log_of order)")"

# Each call is made once: what fails, counts. Orders need the inventory, which is called over TLS as well.
"$ORDERSHOP_BIN/ordershop" load --mode order --in-flight 4 --connections 2 --warm-up 0 --seconds "$load_seconds" \
  --port-base "$shop_port_base" >"$shop_folder/load" 2>&1 &
load=$!

exchange "a new CA joins the old one" next-ca
exchange "all certificates are renewed by the new CA" renew "${shop_services[@]}" client/ada
expect "new connections see a certificate of the new CA" issuer_is_not order "$first_issuer"
exchange "the old CA is dropped" drop-old-ca

load_status=0
wait "$load" || load_status=$?
cat "$shop_folder/load"
expect "no call of the load has failed" grep -qx 'failures *0' "$shop_folder/load"
expect "there were calls" test "$load_status" -eq 0

wait_until 60 short_lived_end
expect "when the first certificates are over, new connections are made" client health
expect "calls between services, too" client demo

# --- What is unfit ---

unfit_lines() { grep -c 'new certificates are unfit' "$(log_of customer)" || true; }
unfit_was_told() { [ "$(unfit_lines)" -ge 1 ]; }
cp "$tls/customer.key" "$shop_folder/customer.key"
cp "$tls/crm.key" "$tls/customer.key"
expect "a key that is not the certificate's is told of" wait_until 60 unfit_was_told
rm "$tls/customer.crt"
expect "a certificate that is gone makes no difference: calls go on" client customer list
expect "it is told once" test "$(unfit_lines)" = 1
shop_done
