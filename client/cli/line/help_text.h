/* SPDX-License-Identifier: Apache-2.0 */
/* Provides the words about commands that --help and the manual page share. Any thread. */
#pragma once

#include "client/cli/line/command.h"

enum { HELP_WIDTH = 98 };

struct help_entry {
  const char *head, *text;
};

extern const struct help_entry help_exits[]; /* end with NULL heads */
extern const char *const help_examples[];    /* of all, ends with NULL */

/* Returns "--name NAME", "--watch [SECONDS]" or "--all". */
const char *help_flag_head(struct arena *arena, const struct flag *flag);

/* Returns "ID", "ID ..." or "". */
const char *help_operand(struct arena *arena, const struct verb *verb);

/* Returns "order create --customer ID --product ID [FLAG ...]"; if `verb` is NULL, the usage of the noun. */
const char *help_usage(struct arena *arena, const struct noun *noun, const struct verb *verb);

/* Returns "create, get, list". */
const char *help_verbs(struct arena *arena, const struct noun *noun);

/* Returns the example as it is typed. */
const char *help_example(struct arena *arena, const char *example);

/* Return whether the verb takes --from, and what there is to say about it. */
bool help_takes_lines(const struct verb *verb);
const char *help_of_lines(struct arena *arena, const struct verb *verb);
