/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_identity.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void trust(SSL_CTX *context, const char *text) {
  BIO *bio = BIO_new_mem_buf(text, -1);
  for (X509 *ca; (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL)); X509_free(ca)) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
  }
  BIO_free(bio);
}

static void bear(SSL_CTX *context, const struct tls_texts *texts) {
  BIO *certificates = BIO_new_mem_buf(texts->certificate, -1), *keys = BIO_new_mem_buf(texts->key, -1);
  X509 *own = PEM_read_bio_X509(certificates, NULL, NULL, NULL);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(keys, NULL, NULL, NULL);
  if (own) SSL_CTX_use_certificate(context, own);
  for (X509 *next; own && (next = PEM_read_bio_X509(certificates, NULL, NULL, NULL)); X509_free(next)) {
    SSL_CTX_add1_chain_cert(context, next);
  }
  if (key) SSL_CTX_use_PrivateKey(context, key);
  EVP_PKEY_free(key);
  X509_free(own);
  BIO_free(keys);
  BIO_free(certificates);
}

static void name_protocol(SSL_CTX *context, const char *protocol) {
  unsigned char list[1 + UINT8_MAX];
  size_t size = strlen(protocol);
  list[0] = (unsigned char)size;
  memcpy(list + 1, protocol, size);
  SSL_CTX_set_alpn_protos(context, list, (unsigned)size + 1);
}

SSL_CTX *tls_identity_context(const struct tls_texts *texts, const char *protocol) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  if (protocol) name_protocol(context, protocol);
  if (!texts) return context;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  if (texts->ca) trust(context, texts->ca);
  if (!texts->ca) SSL_CTX_set_default_verify_paths(context);
  if (texts->certificate) bear(context, texts);
  return context;
}

/* An IPv6 address may end with the zone that it is of on this machine alone: fe80::1%eth0. */
static bool is_numeric(const char *host, char *ret_address, size_t size) {
  struct in6_addr address;
  snprintf(ret_address, size, "%.*s", (int)strcspn(host, "%"), host);
  return inet_pton(AF_INET, ret_address, &address) == 1 || inet_pton(AF_INET6, ret_address, &address) == 1;
}

void tls_identity_expect(SSL *ssl, const char *host) {
  char address[INET6_ADDRSTRLEN];
  if (is_numeric(host, address, sizeof(address))) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), address);
  } else {
    SSL_set1_host(ssl, host);
    SSL_set_tlsext_host_name(ssl, host);
  }
}
