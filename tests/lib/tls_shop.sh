# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh
# A private shop (shop.sh, which is sourced before) whose services speak mutual TLS. The command line is client/ada.

command -v openssl >/dev/null || skip "no openssl"

tls=$shop_folder/tls

certificates() { "$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$tls" "$@"; }

# tls_service_start NAME [VARIABLE=VALUE...]
tls_service_start() {
  local name=$1
  shift
  service_start "$name" ORDERSHOP_TLS_CA_FILE="$tls/ca.crt" ORDERSHOP_TLS_CERTIFICATE_FILE="$tls/$name.crt" \
    ORDERSHOP_TLS_KEY_FILE="$tls/$name.key" "$@"
}

# tls_service_restart NAME [VARIABLE=VALUE...]: returns when it serves
tls_service_restart() {
  service_stop "$1"
  tls_service_start "$@"
  wait_for_serving "$1"
}

# tls_certify [OPTION...]: CA, certificates of the services and of client/ada
tls_certify() {
  { certificates ca && certificates issue-all "$@" && certificates issue client/ada "$@"; } >"$shop_folder/certificates" 2>&1 ||
    fail "no certificates: $(cat "$shop_folder/certificates")"
  export ORDERSHOP_TLS_CA_FILE=$tls/ca.crt ORDERSHOP_TLS_CERTIFICATE_FILE=$tls/client/ada.crt
  export ORDERSHOP_TLS_KEY_FILE=$tls/client/ada.key
}

# After tls_certify: Redis and all services, all SERVING.
tls_shop_start() {
  local name
  shop_prepare
  redis_start
  for name in "${shop_services[@]}"; do tls_service_start "$name"; done
  wait_for_serving "${shop_services[@]}"
}

client() { "$ORDERSHOP_BIN/ordershop" --timeout $((60 * shop_slowness)) "$@"; }

# plainly COMMAND...: without the client's TLS files
plainly() {
  (
    unset ORDERSHOP_TLS_CA_FILE ORDERSHOP_TLS_CERTIFICATE_FILE ORDERSHOP_TLS_KEY_FILE
    "$@"
  )
}
