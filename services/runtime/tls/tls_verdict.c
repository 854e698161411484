/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_verdict.h"

#include <openssl/err.h>

static const char *verdict_on_issuer(struct arena *arena, const struct tls_parties *parties) {
  if (parties->has_ca) {
    return arena_printf(arena, "its certificate is of another CA than those trusted by %sTLS_CA_FILE", parties->prefix);
  }
  return arena_printf(arena, "its certificate is of no CA that this system trusts: set %sTLS_CA_FILE to its CA's file",
                      parties->prefix);
}

static const char *verdict_on_certificate(struct arena *arena, long verdict, const struct tls_parties *parties) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "its certificate has expired: it needs a new one";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "its certificate is not valid yet: is the clock of this machine right?";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return verdict_on_issuer(arena, parties);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return arena_printf(arena, "its certificate is not for %s: call it by a name that is in it, or issue another",
                          parties->host);
    default:
      return arena_printf(arena, "its certificate is not accepted: %s", X509_verify_cert_error_string(verdict));
  }
}

const char *tls_verdict_uncertified(struct arena *arena, const struct tls_parties *parties) {
  return arena_printf(arena, "it wants a certificate from its callers: set %sTLS_CERTIFICATE_FILE and %sTLS_KEY_FILE",
                      parties->prefix, parties->prefix);
}

/* The other side's alert (RFC 8446, 6.2). */
static const char *verdict_on_alert(struct arena *arena, int alert, const struct tls_parties *parties) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
    case SSL_AD_HANDSHAKE_FAILURE:
      return tls_verdict_uncertified(arena, parties);
    case SSL_AD_UNKNOWN_CA:
      return arena_printf(arena, "it does not trust the CA of the certificate in %sTLS_CERTIFICATE_FILE",
                          parties->prefix);
    case SSL_AD_CERTIFICATE_EXPIRED:
      return arena_printf(arena, "it says that the certificate in %sTLS_CERTIFICATE_FILE has expired", parties->prefix);
    default:
      return arena_printf(arena, "it refuses the connection: %s", SSL_alert_desc_string_long(alert));
  }
}

const char *tls_verdict(struct arena *arena, const SSL *ssl, int result, const struct tls_parties *parties) {
  long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK) return verdict_on_certificate(arena, verdict, parties);
  int reason = ERR_GET_REASON(ERR_peek_error());
  if (SSL_get_error(ssl, result) != SSL_ERROR_SSL || reason < SSL_AD_REASON_OFFSET) return NULL;
  return verdict_on_alert(arena, reason - SSL_AD_REASON_OFFSET, parties);
}
