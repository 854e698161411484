/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL needs to speak to a service as gRPC would: with this identity, trusting these CAs, in HTTP/2. Any
 * thread.
 */
#pragma once

#include <openssl/ssl.h>

#include "tls/certificate_check.h"

/* Returns a context for connections of a client with this identity. Without a CA the system's are trusted. If `texts`
 * is NULL, it trusts anyone. The caller frees it with SSL_CTX_free. */
SSL_CTX *tls_identity_context(const struct tls_texts *texts);

/* Makes the connection accept only a certificate that is for this name or address. */
void tls_identity_expect(SSL *ssl, const char *host);
