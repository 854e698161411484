/* SPDX-License-Identifier: Apache-2.0 */
/* Redis URL: redis://[user@]host[:port][/db], as registered with IANA; `rediss` (TLS) needs hiredis >= 1.0 with TLS.
 * IPv6 hosts stand in brackets. A password in the URL is refused: secrets come from files. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"

struct redis_url {
  const char *user; /* NULL means default user */
  const char *host;
  int port;     /* 6379 if not given */
  int database; /* 0 if not given */
  bool tls;
};

/* Errors: INVALID_ARGUMENT with what is allowed. */
struct status redis_url_parse(struct arena *arena, const char *text, struct redis_url *ret_url);

/* For config.h's setting.check: returns what is allowed if `value` is not such a URL, else NULL. */
const char *redis_url_check(const char *value);
