/* Private shop: a Redis and the seven services of one test program, real processes on free ports of 127.0.0.1.
 *
 * They end with the program, however that ends; their logs are shown when a test failed. What cannot be done ends the
 * test program with a message. Blocking; one thread. The executables are those of the build, or of ORDERSHOP_BIN. */
#pragma once

#include <stdbool.h>

#include "client/ordershop_client.h"
#include "private_redis.h"

struct private_shop;

struct private_shop_options {
  const char *key_prefix;       /* NULL: none */
  const char *redis_arguments;  /* as in private_redis_options */
  const char *const *variables; /* further "NAME=value" for all services; ends with NULL; may be NULL */
};

/* Starts everything and waits until all services are SERVING. `options` may be NULL. */
struct private_shop *private_shop_start(const struct private_shop_options *options);

/* Kills what runs and removes the folder. NULL is allowed. */
void private_shop_free(struct private_shop *shop);

struct private_redis *private_shop_redis(struct private_shop *shop);

/* A client of the shop; the caller closes it. */
struct ordershop_client *private_shop_client(struct private_shop *shop, struct arena *arena);

/* Port of a service; its listening address is 127.0.0.1:<port>. */
int private_shop_port(const struct private_shop *shop, enum ordershop_service service);

/* Where mails are written: one file each. */
const char *private_shop_mail_folder(const struct private_shop *shop);

/* SIGTERM; returns when it has ended. Ends the test program unless its exit status was 0. */
void private_shop_stop_service(struct private_shop *shop, enum ordershop_service service);
/* SIGKILL. */
void private_shop_kill_service(struct private_shop *shop, enum ordershop_service service);
/* Starts it again, and waits until it is SERVING. */
void private_shop_start_service(struct private_shop *shop, enum ordershop_service service);
