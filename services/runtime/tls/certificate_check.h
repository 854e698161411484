/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether what TLS files hold is fit for use, with OpenSSL and ahead of gRPC, which would only say that it
 * isn't.
 * Any thread. No state. */
#pragma once

#include <stdint.h>

#include "base/status.h"

/* Texts in PEM, or paths of files with them; NULL if there is none. Certificate and key come together. */
struct tls_texts {
  const char *certificate; /* the own one, then those between it and the CA's */
  const char *key;         /* the own one's */
  const char *ca;          /* certificates of those to trust */
};

/* Checks that all can be parsed, that the key is the certificate's, and that neither the own certificate nor all of the
 * CA's have expired. *ret_end is when the own certificate expires, in microseconds since 1970, or INT64_MAX without
 * one. `names` are for the messages. Errors: INVALID_ARGUMENT CERTIFICATE_UNFIT, one sentence that names the file. */
struct status tls_texts_check(struct arena *arena, const struct tls_texts *texts, const struct tls_texts *names,
                              int64_t *ret_end);

/* Returns the time as "2026-11-23T21:00:00Z". */
const char *tls_time_text(struct arena *arena, int64_t unix_us);
