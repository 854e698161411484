/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of a command line, read one after the other by getopt_long: the parser of all programs.
 *
 * `--name VALUE` and `--name=VALUE`; what follows `--` is not a flag. Beyond getopt_long's rules:
 *   - a name is written in full: a script that relies on --mail for --mail-address would break with the next flag;
 *   - a flag is not taken for the value of the one before it, as in `--request-id --quiet`, where a script's variable
 *     was empty; `--request-id=--quiet` says that it is meant;
 *   - an optional value that is a number may stand apart: `--watch 2`;
 *   - `-h` is `--help`, where there is such a flag.
 * There is one reader at a time, in one thread, since getopt_long keeps static state. POSIXLY_CORRECT, which changes
 * what it takes for operands, is removed from the environment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"

enum flag_value { FLAG_VALUE_NONE, FLAG_VALUE_NEEDED, FLAG_VALUE_OPTIONAL };

struct flag_rule {
  const char *name; /* without its dashes */
  enum flag_value value;
};

/* Set what is above the blank line; the rest is zero at first. */
struct flag_reader {
  struct arena *arena;
  const char *command; /* whose flags they are, for messages: "customer create"; NULL if the program has no commands */
  const char *help;    /* what lists them with --help, for messages: "coupon redeem" */
  const struct flag_rule *rules;
  size_t rule_count;
  int argc;
  char **argv;        /* is permuted, unless: */
  bool until_operand; /* stop at the first operand; else read all flags, and move operands to the end */

  struct option *options;
  size_t rule;       /* index of the flag that was read */
  const char *value; /* its value, which points into argv; NULL if it has none */
  int next;          /* in the end: index of the first operand in argv */
};

/* Reads the next flag, from argv[1] on. Returns false at the end, and if a flag is wrong.
 * Errors: INVALID_ARGUMENT (USAGE) with one sentence for the terminal, which names a flag that may have been meant. */
bool flag_read(struct flag_reader *reader, struct status *ret_status);
