/* SPDX-License-Identifier: Apache-2.0 */
/* Brand: the names by which the services of one product are known from outside: variables, errors, metadata,
 * certificates, and the keys in Redis that belong to no single service. The runtime has no brand of its own; a product
 * writes one literal, which all its services and clients share and which lives as long as the process. All members but
 * `known_variables` and `reasons` are required (definition_check.h checks them). */
#pragma once

#include "base/arena.h"
#include "base/status.h"

struct brand {
  /* "coupon": it stands before the names of programs (coupon-note), and "_runtime" follows it in the name of the
   * runtime's library of Redis functions. It consists of a-z, 0-9 and _. */
  const char *name;
  /* "COUPON_": it stands before the names of all environment variables. It consists of A-Z, 0-9 and _, with _ at the
   * end. */
  const char *environment_prefix;
  /* Those variables that some program of the product reads, as shell patterns; the list ends with NULL. A service warns
   * of any other with that prefix, but for its own settings. NULL if there are none. */
  const char *const *known_variables;
  /* ErrorInfo.domain of all errors (AIP-193: a name that is globally unique, such as that of the product). */
  const char *error_domain;
  /* The reasons of the product's own errors, in that domain (base/reason.h); the list ends with NULL. NULL if there are
   * none. */
  const char *const *reasons;
  /* "coupon-after", "coupon-position": the keys of the metadata in which a caller names the position that the answer
   * must reflect, and an answer names the position of what it has changed. They consist of a-z, 0-9 and -. */
  const char *after_metadata, *position_metadata;
  /* The key of the log's clock in Redis; it follows the key prefix. Products that share a log share this key. */
  const char *clock_key;
  /* "spiffe://coupon/": what comes before the service's name in the URI of its certificate. */
  const char *identity_prefix;
};

/* Returns "<prefix>NAME", the name of a variable of the brand. */
const char *brand_variable(const struct brand *brand, struct arena *arena, const char *name);

/* Returns OK, or INVALID_ARGUMENT (DEFINITION_INVALID) if `brand` is NULL; the message names `options`, the struct that
 * lacks it. */
struct status brand_require(const struct brand *brand, struct arena *arena, const char *options);
