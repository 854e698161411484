/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL, as gRPC's threads need it: until the process has ended. Any thread. */
#pragma once

/* A process that returns from main or calls exit() may still have threads of gRPC's that make a TLS connection. OpenSSL
 * frees all that it has in an atexit handler: such a thread would read freed memory, and the process crash or hang at
 * its end. After this call, OpenSSL leaves the cleaning to the system. It has an effect only before any other use of
 * OpenSSL in the process, so all that use TLS here begin with it; a second call does nothing. (OPENSSL_INIT_NO_ATEXIT,
 * man OPENSSL_init_crypto) */
void tls_openssl_outlive_main(void);
