/* SPDX-License-Identifier: Apache-2.0 */
/* What the v1 dialect speaks of, and how each field is named and written there. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/status.h"

enum v1_form {
  V1_AS_IT_IS, /* texts and lists of texts */
  V1_NUMBER,   /* a number that is a text in protobuf's JSON */
  V1_PRICE,    /* decimal euros for cents */
  V1_TIME,     /* seconds since 1970, as a float */
};

struct v1_field {
  const char *name;     /* in the dialect: "product_id"; NULL ends the list */
  const char *resource; /* in the resource's JSON: "productId" */
  enum v1_form form;
  bool given, changes; /* by who creates it; by PUT */
};

struct v1_kind {
  const char *plural, *singular;    /* "customers", "customer" */
  const char *service;              /* "CustomerService" */
  const char *type, *types;         /* "Customer", "Customers": Create<type>, List<types> */
  const char *resource, *resources; /* the fields of requests and replies */
  bool in_batch;                    /* arrays are created together, all or none; else one by one */
  bool fixed;                       /* PUT is not allowed */
  struct v1_field fields[6];
};

/* The kinds, in the report's order, and their number. */
enum { V1_KINDS = 5 };
extern const struct v1_kind v1_kinds[V1_KINDS];

/* Returns the resource that an object of the dialect describes; the caller owns it. All that is given at a creation
 * must be there; other names are passed over. Errors: INVALID_ARGUMENT. */
struct status v1_resource(struct arena *arena, const struct v1_kind *kind, const json_t *object, json_t **ret_resource);

/* Returns the object, as text of JSON in the arena. */
const char *v1_object(struct arena *arena, const struct v1_kind *kind, const json_t *resource);
