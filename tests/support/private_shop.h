/* SPDX-License-Identifier: Apache-2.0 */
/* Private shop: a Redis and the eight services of one test program, real processes on free ports of 127.0.0.1. A
 * service that was added to the tree runs there, too, once the test has started it by private_shop_start_service.
 *
 * Each service logs in to Redis as its own user, with the rights of deploy/redis/users.acl; the test as one who may do
 * everything.
 * They end with the program, however that ends; their logs are shown when a test failed. What cannot be done ends the
 * test program with a message. Blocking; one thread. The executables are those of the build, or of ORDERSHOP_BIN. */
#pragma once

#include <stdbool.h>

#include "client/ordershop_client.h"
#include "forwarder.h"
#include "private_masters.h"
#include "private_redis.h"
#include "private_redises.h"
#include "shipped_services.h"

struct private_shop;

struct private_shop_options {
  const char *key_prefix;               /* NULL if there is none */
  const char *redis_arguments;          /* as in private_redis_options */
  enum private_arrangement arrangement; /* if not single: private_masters.h; then the two below have no effect */
  bool forwarded;  /* Redis has deploy/redis/transactional.conf, services reach it by a forwarder */
  bool some_apart; /* the variables give some services a Redis of their own: make_users.sh --apart */
  bool apart;    /* each service has a Redis of its own (private_redises.h); also, where nothing of the above is set, if
                    the environment has ORDERSHOP_TEST_APART=1 */
  bool in_slots; /* each has a hash tag of its own in a cluster (private_cluster.h); likewise with
                    ORDERSHOP_TEST_APART=cluster */
  const char *const *variables; /* further "NAME=value" for all services; ends with NULL; may be NULL */
};

/* Starts Redis and the eight services, and waits until they are SERVING. `options` may be NULL. */
struct private_shop *private_shop_start(const struct private_shop_options *options);

/* Kills what runs and removes the folder. NULL is allowed. */
void private_shop_free(struct private_shop *shop);

/* The present master of private_shop_masters, if there are several; the event service's, if each has one of its own; of
 * a cluster in which each has a hash tag, the present master of those who have none. */
struct private_redis *private_shop_redis(struct private_shop *shop);

/* The Redis in which a key of the shop lies, told without the key's prefix. */
struct private_redis *private_shop_redis_of(struct private_shop *shop, const char *key);

/* NULL if the services share a Redis. */
struct private_redises *private_shop_redises(struct private_shop *shop);

/* NULL if there is a single Redis. */
struct private_masters *private_shop_masters(struct private_shop *shop);

/* A key of the shop, told without what stands before it, as it is in Redis; lives in `arena`. */
const char *private_shop_key(const struct private_shop *shop, struct arena *arena, const char *key);

/* Between the services and Redis; NULL if there is none. */
struct forwarder *private_shop_forwarder(struct private_shop *shop);

/* Starts another Redis with deploy/redis/replica.conf, which follows the shop's, and waits until it does. The caller
 * frees it. */
struct private_redis *private_shop_start_redis_replica(struct private_shop *shop);

/* A client of the shop; the caller closes it. */
struct ordershop_client *private_shop_client(struct private_shop *shop, struct arena *arena);

/* Port of a service; its listening address is 127.0.0.1:<port>. */
int private_shop_port(const struct private_shop *shop, enum ordershop_service service);

/* Where mails are written: one file each. */
const char *private_shop_mail_folder(const struct private_shop *shop);

/* The folder of the executables. */
const char *private_shop_bin(const struct private_shop *shop);

/* SIGTERM; returns when it has ended. Ends the test program unless its exit status was 0. */
void private_shop_stop_service(struct private_shop *shop, enum ordershop_service service);
/* The two halves of that; the second returns the milliseconds that it waited. */
void private_shop_terminate_service(struct private_shop *shop, enum ordershop_service service);
int64_t private_shop_await_exit(struct private_shop *shop, enum ordershop_service service);
/* SIGKILL. */
void private_shop_kill_service(struct private_shop *shop, enum ordershop_service service);
/* Starts it again, and waits until it is SERVING. */
void private_shop_start_service(struct private_shop *shop, enum ordershop_service service);
/* The two halves of that. */
void private_shop_launch_service(struct private_shop *shop, enum ordershop_service service);
void private_shop_await_service(struct private_shop *shop, enum ordershop_service service);

/* SIGSTOP: connections stay, nothing answers. */
void private_shop_pause_service(struct private_shop *shop, enum ordershop_service service);
void private_shop_resume_service(struct private_shop *shop, enum ordershop_service service);

/* Waits until it has ended without being told to, as at a fail point that kills; ends the test program when it does not
 * in time. */
void private_shop_await_end(struct private_shop *shop, enum ordershop_service service);

/* "NAME=value" for services that are started from now on. */
void private_shop_set_variable(struct private_shop *shop, const char *variable);

/* Another process of a service that runs, which stands by; nobody calls it by itself. One at a time; waits until it
 * listens and returns its port. */
int private_shop_start_replica(struct private_shop *shop, enum ordershop_service service);
void private_shop_kill_replica(struct private_shop *shop);

/* Fail points of one service (loop/fail_point.h): at the next pass of the place `name` it does `action` ("kill",
 * "pause", "error"), once. */
void private_shop_arm(struct private_shop *shop, enum ordershop_service service, const char *name, const char *action);
/* Waits until the place was passed; false when that does not happen in time. */
bool private_shop_await_point(struct private_shop *shop, enum ordershop_service service, const char *name);
/* Lets what paused there go on, or takes the action back. */
void private_shop_release(struct private_shop *shop, enum ordershop_service service, const char *name);

/* Whether nothing is under way: all consumers have handled what the log tells, outboxes are empty, and each mail is
 * delivered. */
bool private_shop_is_quiet(struct private_shop *shop);

/* The positions at which all logs end now, as the metadata `ordershop-after` tells them, in `arena`. */
const char *private_shop_end_of_log(struct private_shop *shop, struct arena *arena);

/* How many lines of a service's log contain `text`. */
int private_shop_log_lines(struct private_shop *shop, enum ordershop_service service, const char *text);
