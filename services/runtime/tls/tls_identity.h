/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL needs to connect to others with an identity, and to those alone whom it trusts. Any thread. */
#pragma once

#include <openssl/ssl.h>

#include "tls/certificate_check.h"

/* Returns a context for connections of a client with this identity, by TLS 1.2 or later. Without a CA the system's are
 * trusted. If `texts` is NULL, it trusts anyone. `protocol` is what will be spoken (RFC 7301: "h2"), NULL if that has
 * no name. The caller frees it with SSL_CTX_free. */
SSL_CTX *tls_identity_context(const struct tls_texts *texts, const char *protocol);

/* Makes the connection accept only a certificate that is for this name or numeric address, and tell the server the
 * name. */
void tls_identity_expect(SSL *ssl, const char *host);
