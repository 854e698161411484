/* SPDX-License-Identifier: Apache-2.0 */
/* The load generator: calls a shop at a given rate (an open loop) or keeps so many calls under way (a closed one), and
 * tells how that went. It is made to cost little: one thread, its own HTTP/2 (http2_connection.h), requests that are
 * packed once (request_form.h). */
#pragma once

#include "client/load/cpu_watch.h"
#include "client/load/load_mix.h"
#include "client/load/load_shop.h"
#include "client/load/load_tally.h"
#include "tls/tls_files.h"

struct load_progress {
  int64_t elapsed_us, total_us; /* warm-up included */
  uint64_t calls, failures, under_way;
};

struct load_options {
  const struct load_mix *mix;
  int in_flight;       /* calls at once: a next one begins when one has ended. 0: `rate` counts */
  int rate;            /* calls that begin each second, evenly, however many have not ended */
  int64_t calls;       /* the run ends after so many instead of after its duration; 0: it doesn't */
  bool each_once;      /* each command of the mix is called once, and the run ends */
  int64_t deadline_ms; /* of a call, with its retries */
  int connections;     /* to each service */
  int64_t duration_ms; /* that is measured */
  int64_t warm_up_ms;  /* before that */
  int products;        /* of an order */
  int prepared;        /* customers, products ... that load_prepare makes of each */
  bool retry;          /* what failed is tried again as the client library does */
  const char *after;   /* position that every answer must have seen, or NULL */

  /* These may be NULL. */
  void (*show_progress)(void *argument, const struct load_progress *progress); /* five times a second or less */
  void (*take_reply)(void *argument, const struct load_command *command, const struct call *call); /* of what makes
                                                                                                       something */
  struct cpu_watch *watch; /* what processes use while it is measured */
  void *argument;
};

/* Where the calls go. */
struct load_target {
  const char *addresses[ORDERSHOP_SERVICE_COUNT];
  struct tls_files *tls; /* NULL means plain text */
};

/* Errors: INVALID_ARGUMENT (an address of a service of the mix is none that load can call). */
struct status load_check_target(struct arena *arena, const struct load_target *target, const struct load_mix *mix);

/* Makes what the mix needs (customers, products with stock ...), options->prepared of each unless the shop has some,
 * then calls each command once, which waits until the services know it all. Errors: those of the calls. The caller
 * clears the shop, also after an error. */
struct status load_prepare(struct arena *arena, const struct load_target *target, const struct load_options *options,
                           struct load_shop *shop);

/* Runs the load and fills `ret_tally`, which lives in the arena. A call belongs to the moment in which it was to begin,
 * from which its latency counts: what a shop does that is too slow shows only so. Blocks; any thread. Errors:
 * INVALID_ARGUMENT, UNAVAILABLE (an address). */
struct status load_run(struct arena *arena, const struct load_target *target, const struct load_options *options,
                       struct load_shop *shop, struct load_tally *ret_tally);

/* Returns the text field of that number in a call's reply if it is as long as an id, or NULL. */
const char *load_reply_id(const struct call *call, unsigned field);
