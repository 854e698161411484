/* SPDX-License-Identifier: Apache-2.0 */
/* A shop for tests of the client: all eight services at one port, on a loop in a thread of its own. It answers what the
 * test has scripted, and then OK; it notes every call.
 *
 * Functions are for the test's thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { FAKE_CALLS_MAX = 256 };

/* One scripted answer. Zeroed: OK with an empty message. */
struct fake_answer {
  struct status status; /* static memory */
  const char *position; /* trailer ordershop-position; NULL if there is none */
  const void *message;  /* with OK; NULL or of another type: an empty one */
  int64_t delay_ms;     /* before the answer; at most until the call's deadline */
};

/* What a call came with; "" where it had none. */
struct fake_call {
  char method[64];
  char request_id[64];
  char after[64];
  int64_t left_ms; /* until its deadline */
};

struct fake_shop;

/* Ends the process when it can't. */
struct fake_shop *fake_shop_start(void);
void fake_shop_stop(struct fake_shop *shop);

/* "127.0.0.1:<port>" */
const char *fake_shop_address(const struct fake_shop *shop);

/* Whether health says SERVING; at first it does. */
void fake_shop_set_ready(struct fake_shop *shop, bool ready);

/* Forgets the calls, and answers these ones next, in this order; they outlive their use. */
void fake_shop_script(struct fake_shop *shop, const struct fake_answer *answers, size_t count);

/* Number of calls since fake_shop_script, and the one of that index. */
size_t fake_shop_count(struct fake_shop *shop);
struct fake_call fake_shop_call(struct fake_shop *shop, size_t index);
