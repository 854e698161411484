/* SPDX-License-Identifier: Apache-2.0 */
/* TLS Redis: a private Redis (private_redis.h) that also speaks TLS, at a port of its own, and certificates for it by
 * deploy/tls/certificates.sh, in a folder of its own; and others beside it. What can't be done ends the program with a
 * message. One at a time, one thread. */
#pragma once

#include "private_redis.h"
#include "tls/tls_client.h"

/* Starts the server with the certificate "shop/redis", which is for redis.test, localhost, 127.0.0.1 and ::1. The
 * folder has the CA shop/ca.crt and the client's certificate shop/client/ada, which the server does not ask for. */
struct private_redis *tls_redis_start(void);

/* Starts another one with that certificate, with more `arguments` and a `file` as in private_redis_options; *ret_port
 * is where it speaks TLS. The caller frees it, before tls_redis_free. */
struct private_redis *tls_redis_start_beside(const char *arguments, const char *file, int *ret_port);

/* Kills it, and removes the folder. */
void tls_redis_free(void);

int tls_redis_port(void);
const char *tls_redis_folder(void);

/* Runs a command of the shell in the folder, where `make` is certificates.sh. */
void tls_redis_shell(const char *command);

/* Who a client is, and whom it trusts: names below the folder, as "shop/ca.crt" and "shop/client/ada"; NULL for none.
 * Variables have the prefix COUPON_REDIS_. The caller closes it after the loop's last turn; the arena must live on. */
struct tls_client *tls_redis_client(struct arena *arena, const char *ca, const char *certificate);
