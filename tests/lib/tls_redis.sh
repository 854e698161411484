# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034 # what begins with shop_ is of shop.sh
# The Redis of a private shop (shop.sh, which is sourced before) speaks nothing but TLS, and asks its clients for a certificate:
# that of client/ada, for services and command line alike. redis_start and service_start are as ever.

command -v openssl >/dev/null || skip "no openssl"

redis_tls=$shop_folder/redis-tls

redis_certificates() { # redis_certificates COMMAND...: certificates.sh, quietly
  "$ORDERSHOP_SOURCE/deploy/tls/certificates.sh" "$redis_tls" "$@" >"$shop_folder/certificates" 2>&1 ||
    fail "no certificates: $(cat "$shop_folder/certificates")"
}

# What Redis and its clients trust: a file of their own, so that the CA of certificates.sh may change before it is handed out.
hand_out_ca() { cp "$redis_tls/ca.crt" "$redis_tls/trusted.crt.new" && mv "$redis_tls/trusted.crt.new" "$redis_tls/trusted.crt"; }

redis_certificates ca
redis_certificates issue redis
redis_certificates issue client/ada
hand_out_ca
shop_redis_scheme=rediss
shop_redis_arguments=(--tls-cert-file "$redis_tls/redis.crt" --tls-key-file "$redis_tls/redis.key"
  --tls-ca-cert-file "$redis_tls/trusted.crt")
shop_redis_cli=(--tls --cacert "$redis_tls/trusted.crt" --cert "$redis_tls/client/ada.crt" --key "$redis_tls/client/ada.key")
export ORDERSHOP_REDIS_TLS_CA_FILE=$redis_tls/trusted.crt
export ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE=$redis_tls/client/ada.crt ORDERSHOP_REDIS_TLS_KEY_FILE=$redis_tls/client/ada.key
