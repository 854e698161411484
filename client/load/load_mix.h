/* SPDX-License-Identifier: Apache-2.0 */
/* Which commands are called, and how often against each other. */
#pragma once

#include "base/status.h"
#include "client/load/load_command.h"

#define LOAD_MIX_MAX 48
#define LOAD_WEIGHT_MAX 1000000

struct load_mix {
  size_t count;
  struct load_share {
    const struct load_command *command;
    int weight;
  } shares[LOAD_MIX_MAX];
  int64_t total; /* of all weights */
};

/* Reads "CreateOrder=5,GetCustomer=80"; a name alone weighs 1. Errors: INVALID_ARGUMENT (USAGE) with one sentence that
 * names the part that is wrong. */
struct status load_mix_parse(struct arena *arena, const char *text, struct load_mix *ret_mix);

/* Returns the index of the share that a random number falls on: each gets its part of them. */
size_t load_mix_pick(const struct load_mix *mix, uint64_t random);
