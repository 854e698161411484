/* SPDX-License-Identifier: Apache-2.0 */
/* Words about commands that --help and the manual page share. Any thread. */
#pragma once

#include "client/cli/line/command.h"

enum { HELP_WIDTH = 98 };

struct help_entry {
  const char *head, *text;
};

extern const struct help_entry help_exits[]; /* end with NULL heads */
extern const char *const help_examples[];    /* of all, ends with NULL */

/* "--name NAME", "--watch [SECONDS]", "--all" */
const char *help_flag_head(struct arena *arena, const struct flag *flag);

/* "ID", "ID ..." or "" */
const char *help_operand(struct arena *arena, const struct verb *verb);

/* "order create --customer ID --product ID [FLAG ...]"; `verb` NULL means of the noun. */
const char *help_usage(struct arena *arena, const struct noun *noun, const struct verb *verb);

/* "create, get, list" */
const char *help_verbs(struct arena *arena, const struct noun *noun);

/* The example as it is typed. */
const char *help_example(struct arena *arena, const char *example);

/* Whether the verb takes --from, and what there is to say about it. */
bool help_takes_lines(const struct verb *verb);
const char *help_of_lines(struct arena *arena, const struct verb *verb);
