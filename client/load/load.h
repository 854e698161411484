/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `ordershop load` share. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "client/load/latency.h"
#include "client/ordershop_client.h"

enum load_mode {
  LOAD_ORDER,    /* CreateOrder of some products */
  LOAD_CUSTOMER, /* CreateCustomer */
  LOAD_GET,      /* GetCustomer */
};

struct load_options {
  enum load_mode mode;
  int in_flight;       /* calls at once: a next one begins when one has ended. 0: `rate` counts */
  int rate;            /* calls that begin each second, however many have not ended */
  int64_t deadline_ms; /* of a call, with its retries */
  int connections;     /* they share */
  int64_t duration_ms; /* that is measured */
  int64_t warm_up_ms;  /* before that */
  int products;        /* of an order */
  int customer_count;  /* in the shop, made before */
  int product_count;   /* likewise, each with plenty of stock */
  const char *folder;  /* for the fsync probe; NULL if there is none */
  bool retry;          /* what failed is tried again as the client library does */
  bool json;
};

/* What the calls refer to. */
struct load_shop {
  char **customer_ids;
  char **product_ids;
};

/* Makes customers and products with stock, and waits until the order service knows them. Blocks. */
struct status load_prepare(struct arena *arena, struct ordershop_client *client, const struct load_options *options,
                           struct load_shop *ret_shop);

#define LOAD_CODES (STATUS_UNAUTHENTICATED + 1)

struct load_result {
  /* Of calls that ended while it was measured; counted from when a call was to begin. */
  struct latency latency; /* of those that succeeded */
  struct latency refused; /* of those that were answered RESOURCE_EXHAUSTED */
  uint64_t *by_second;    /* those that succeeded, by the second in which they ended; as many as `seconds` */
  /* Of all calls. */
  uint64_t failures;
  uint64_t by_code[LOAD_CODES]; /* of these */
  uint64_t retries;
  double seconds;
  struct status first_failure; /* in the arena */
};

/* Where the calls go. */
struct load_target {
  const char *address;
  struct tls_files *tls; /* NULL means plain text */
};

/* Keeps `in_flight` calls under way for the given time, or begins `rate` calls a second. Blocks; runs a loop of its
 * own. Errors: INVALID_ARGUMENT (the address). */
struct status load_run(struct arena *arena, const struct load_target *target, const struct load_options *options,
                       const struct load_shop *shop, struct load_result *ret_result);
