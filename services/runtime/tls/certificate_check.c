/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/certificate_check.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

enum { US_PER_SECOND = 1000000 };

struct dates {
  int64_t begin_us, end_us;
};

static struct status unfit(struct arena *arena, const char *path, const char *what) {
  ERR_clear_error();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_certificate_unfit, "%s: %s", path, what);
}

const char *tls_time_text(struct arena *arena, int64_t unix_us) {
  time_t seconds = (time_t)(unix_us / US_PER_SECOND);
  struct tm parts;
  char text[32];
  gmtime_r(&seconds, &parts);
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return arena_strdup(arena, text);
}

static int64_t time_us(const ASN1_TIME *time) {
  struct tm parts;
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return (int64_t)timegm(&parts) * US_PER_SECOND;
}

static struct dates dates_of(const X509 *certificate) {
  return (struct dates){.begin_us = time_us(X509_get0_notBefore(certificate)),
                        .end_us = time_us(X509_get0_notAfter(certificate))};
}

static BIO *open_text(const char *text) {
  return BIO_new_mem_buf(text, -1);
}

/* The first certificate; the caller frees it. NULL if there is none. */
static X509 *first_certificate(const char *text) {
  BIO *bio = open_text(text);
  X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  BIO_free(bio);
  return certificate;
}

/* Gives no passphrase, since there is nobody to ask. */
static int no_passphrase(char *buffer, int size, int writing, void *argument) {
  (void)buffer, (void)size, (void)writing, (void)argument;
  return -1;
}

static EVP_PKEY *key_of(const char *text) {
  BIO *bio = open_text(text);
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  return key;
}

static struct status check_dates(struct arena *arena, const char *path, struct dates dates) {
  int64_t now_us = clock_wall_us();
  if (now_us >= dates.end_us) {
    return unfit(
        arena, path,
        arena_printf(arena, "the certificate expired at %s: get a new one", tls_time_text(arena, dates.end_us)));
  }
  if (now_us < dates.begin_us) {
    return unfit(arena, path,
                 arena_printf(arena, "the certificate is valid from %s on only: is the clock of this machine right?",
                              tls_time_text(arena, dates.begin_us)));
  }
  return status_ok();
}

static struct status check_key(struct arena *arena, X509 *certificate, const struct tls_texts *texts,
                               const struct tls_texts *names) {
  EVP_PKEY *key = key_of(texts->key);
  if (!key) return unfit(arena, names->key, "is no private key in PEM without a passphrase");
  bool fits = X509_check_private_key(certificate, key) == 1;
  EVP_PKEY_free(key);
  if (fits) return status_ok();
  return unfit(arena, names->key, arena_printf(arena, "is not the key of the certificate in %s", names->certificate));
}

static struct status check_own(struct arena *arena, const struct tls_texts *texts, const struct tls_texts *names,
                               int64_t *ret_end) {
  X509 *certificate = first_certificate(texts->certificate);
  if (!certificate) return unfit(arena, names->certificate, "holds no certificate in PEM");
  struct dates dates = dates_of(certificate);
  struct status status = check_key(arena, certificate, texts, names);
  X509_free(certificate);
  if (status_is_ok(status)) status = check_dates(arena, names->certificate, dates);
  if (status_is_ok(status)) *ret_end = dates.end_us;
  return status;
}

/* One that is valid suffices: while CAs are exchanged, the file holds both. */
static struct status check_ca(struct arena *arena, const char *text, const char *path) {
  BIO *bio = open_text(text);
  struct status status = unfit(arena, path, "holds no certificate in PEM");
  for (bool valid = false; !valid;) {
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (!certificate) break;
    status = check_dates(arena, path, dates_of(certificate));
    valid = status_is_ok(status);
    X509_free(certificate);
  }
  BIO_free(bio);
  ERR_clear_error();
  return status;
}

struct status tls_texts_check(struct arena *arena, const struct tls_texts *texts, const struct tls_texts *names,
                              int64_t *ret_end) {
  int64_t end_us = INT64_MAX;
  struct status status = status_ok();
  if (texts->certificate) status = check_own(arena, texts, names, &end_us);
  if (status_is_ok(status) && texts->ca) status = check_ca(arena, texts->ca, names->ca);
  if (status_is_ok(status)) *ret_end = end_us;
  return status;
}
