/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_openssl.h"

#include <openssl/crypto.h>

void tls_openssl_outlive_main(void) {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
}
