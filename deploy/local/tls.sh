# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Mutual TLS of a local shop (ORDERSHOP_TLS=mutual), sourced by lib.sh: a private CA and certificates in the shop's folder
# tls/, those of the services, that of the gateway as a client, and client/local, which the scripts here and people on this
# machine call with. Whether the shop speaks TLS is remembered in run/tls: whoever comes later needs no variable.
# shellcheck disable=SC2154 # home, services and source_dir are of lib.sh

shop_has_tls() { [ -e "$home/run/tls" ]; }

a_service_runs() {
  local service
  for service in "${services[@]}"; do
    if part_pid "$service" >/dev/null; then return 0; fi
  done
  return 1
}

# What ORDERSHOP_TLS asks for; all services of a shop speak the same.
choose_tls() {
  case ${ORDERSHOP_TLS:-} in
  '') return 0 ;;
  mutual) if shop_has_tls; then return 0; fi ;;
  off) if ! shop_has_tls; then return 0; fi ;;
  *) misuse "ORDERSHOP_TLS is '$ORDERSHOP_TLS', but must be mutual or off" ;;
  esac
  ! a_service_runs || fail "services of this shop run that speak otherwise: stop them first: down.sh"
  if [ "$ORDERSHOP_TLS" = mutual ]; then : >"$home/run/tls"; else rm "$home/run/tls"; fi
}

tls_script() { "$source_dir/deploy/tls/certificates.sh" "$home/tls" "$@"; }

# Makes what is missing and renews what ends within a month.
make_certificates() {
  local renewed log=$home/log/tls.log
  shop_has_tls || return 0
  (
    [ -e "$home/tls/ca.crt" ] || tls_script ca
    [ -e "$home/tls/mail.crt" ] || tls_script issue-all
    [ -e "$home/tls/client/local.crt" ] || tls_script issue client/local
    [ -e "$home/tls/client/gateway.crt" ] || tls_script issue client/gateway
  ) >"$log" 2>&1 || fail "no certificates: $(tail -n 1 "$log")"
  renewed=$(tls_script renew 2>>"$log") || fail "no certificates: $(tail -n 1 "$log")"
  [ -z "$renewed" ] || say "Certificates were near their end and are renewed: $(cut -d : -f 1 <<<"$renewed" | paste -sd ' ')"
}

# tls_variables NAME: VARIABLE=FILE for the identity of a service or client, a line each; none without TLS
tls_variables() {
  shop_has_tls || return 0
  printf 'ORDERSHOP_TLS_%s\n' "CA_FILE=$home/tls/ca.crt" "CERTIFICATE_FILE=$home/tls/$1.crt" "KEY_FILE=$home/tls/$1.key"
}
