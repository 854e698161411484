/* SPDX-License-Identifier: Apache-2.0 */
/* TLS verdict: why a TLS connection did not come about, in words for whoever runs the two sides. Any thread. */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/arena.h"

/* What a verdict is about, and names. */
struct tls_parties {
  const char *host;   /* that the other side's certificate must be for */
  const char *prefix; /* of the variables that name our files: COUPON_ */
  bool certified;     /* we have a certificate */
  bool has_ca;        /* we have a file of CAs, and don't trust the system's */
};

/* Returns what was wrong with the other side's certificate or what that side did not like of ours, and what to do, as a
 * clause without a full stop, in the arena; NULL if `result`, which a function of OpenSSL has just returned, came of
 * something else. */
const char *tls_verdict(struct arena *arena, const SSL *ssl, int result, const struct tls_parties *parties);

/* Returns the clause for another side that we have shown no certificate, though it wants one. */
const char *tls_verdict_uncertified(struct arena *arena, const struct tls_parties *parties);
