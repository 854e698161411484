/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL, as gRPC's threads need it: until the process has ended. Any thread. */
#pragma once

/* A process that returns from main or calls exit() may still have threads of gRPC's that make a TLS connection. OpenSSL
 * frees all that it has in an atexit handler: such a thread would read freed memory, and the process crash or hang at
 * its end. With this OpenSSL leaves the cleaning to the system. Counts when it comes before any other use of OpenSSL in
 * the process, so all that use TLS here begin with it; again does nothing. (OPENSSL_INIT_NO_ATEXIT, man
 * OPENSSL_init_crypto) */
void tls_openssl_outlive_main(void);
