/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the arguments of a call of `ordershop` apart. One thread (base/flags.h). */
#pragma once

#include <stddef.h>

#include "client/cli/line/command.h"
#include "client/cli/output/terminal.h"

struct given_flag {
  const struct flag *flag;
  const char *value; /* NULL for switches */
};

struct invocation {
  const struct noun *noun; /* NULL with help only */
  const struct verb *verb; /* NULL if the noun has none, or help */
  bool help, json, quiet, all;
  enum terminal_color color;
  int64_t timeout_ms; /* 0 if not given */
  int64_t watch_ms;   /* 0: once */
  const char *from;   /* a file of JSON lines, or "-"; NULL means the one item that the arguments tell */
  struct given_flag *given;
  size_t given_count;
  char **operands;
  size_t operand_count;
};

/* Parses the arguments, and permutes argv. What it returns points into argv and the arena. Errors: INVALID_ARGUMENT
 * with one sentence for the terminal. */
struct status command_line_parse(struct arena *arena, int argc, char **argv, struct invocation *ret_invocation);

/* Returns "customer create", for messages. */
const char *invocation_name(struct arena *arena, const struct invocation *invocation);

/* Returns the last value of a flag by its name, "" for a switch, or NULL if it was not given. */
const char *invocation_value(const struct invocation *invocation, const char *flag);
