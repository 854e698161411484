/* SPDX-License-Identifier: Apache-2.0 */
/* All commands of the shop that can be loaded, and what their requests are made of. */
#pragma once

#include "client/ordershop_client.h"

/* What has ids. */
enum load_kind { LOAD_CUSTOMER, LOAD_PRODUCT, LOAD_INVENTORY, LOAD_ORDER, LOAD_BILLING, LOAD_MAIL, LOAD_KINDS };

enum load_source {
  SOURCE_TEXT,   /* the same text or number each time */
  SOURCE_RANDOM, /* a random UUID */
  SOURCE_AMOUNT, /* a random number of units, LOAD_AMOUNT_MIN at least */
  SOURCE_ANY,    /* the id of any of the `kind` that was made before the run */
  SOURCE_OWN,    /* the id of one that was made in the run; it is taken away, so that it is used once */
};

/* A stock that the run's orders and adjustments neither use up nor take beyond 10^9. */
#define LOAD_AMOUNT_MIN 400000000
#define LOAD_AMOUNT_MAX 600000000

struct load_field {
  const char *path; /* "order.customer_id"; of a repeated field all elements are meant. NULL ends a list */
  enum load_source source;
  enum load_kind kind;
  const char *text;
};

struct load_command {
  const char *method; /* NULL ends the list */
  enum ordershop_service service;
  int makes;                   /* kind of what the reply is; -1 if none */
  struct load_field fields[5]; /* beside `request_id`, which is random each time */
};

extern const struct load_command load_commands_all[];

/* Returns the command of that method, or NULL. */
const struct load_command *load_command_find(const char *method);

/* Returns the command that makes this kind, one at a time. */
const struct load_command *load_command_maker(enum load_kind kind);

/* Returns whether its request has an id of that source and kind. */
bool load_command_needs(const struct load_command *command, enum load_source source, enum load_kind kind);
