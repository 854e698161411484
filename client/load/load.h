/* What the parts of ordershop-load share. */
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
  int in_flight;       /* calls at once */
  int connections;     /* they share */
  int64_t duration_ms; /* that is measured */
  int64_t warm_up_ms;  /* before that */
  int products;        /* of an order */
  int customer_count;  /* in the shop, made before */
  int product_count;   /* likewise, each with plenty of stock */
  const char *folder;  /* for the fsync probe; NULL: none */
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

struct load_result {
  struct latency latency; /* of the calls that succeeded */
  uint64_t failures;
  uint64_t retries;
  double seconds;
  struct status first_failure; /* in the arena */
};

/* Where the calls go. */
struct load_target {
  const char *address;
  struct tls_files *tls; /* NULL: plain text */
};

/* Keeps `in_flight` calls under way for the given time. Blocks; runs a loop of its own. Errors: INVALID_ARGUMENT (the
 * address). */
struct status load_run(struct arena *arena, const struct load_target *target, const struct load_options *options,
                       const struct load_shop *shop, struct load_result *ret_result);
