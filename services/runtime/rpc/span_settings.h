/* SPDX-License-Identifier: Apache-2.0 */
/* Span settings: whether a program exports its spans, where to, and how many traces it begins. The same rows in all
 * programs. */
#pragma once

#include "base/config.h"
#include "tls/tls_files.h"

enum { SPAN_SETTINGS = 2 };

struct span_settings {
  const char *endpoint; /* NULL means that no spans are recorded */
  const char *ratio;
};

/* Errors: INVALID_ARGUMENT (an endpoint by https without an identity, which is NULL then); the message names the
 * variable, whose prefix is `prefix`. */
struct status span_settings_check(const struct span_settings *settings, struct arena *arena, const char *prefix,
                                  const struct tls_files *tls);

/* Fills `ret_rows`, whose variables lack the brand's prefix. */
void span_settings_rows(struct span_settings *settings, struct setting ret_rows[SPAN_SETTINGS]);
