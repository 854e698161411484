/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/help_text.h"

#include <stddef.h>
#include <string.h>

const struct help_entry help_exits[] = {
    {"0", "done"},
    {"1",
     "refused by the service, some lines of --from or some ids included; health, status: not all are ready; demo: "
     "something did not hold"},
    {"2", "misuse: wrong arguments, settings or files; nothing was done"},
    {"3",
     "a service is unavailable, overloaded or did not answer in time: with the same --request-id it is safe to "
     "repeat"},
    {"130, 143", "ended by Ctrl-C, by SIGTERM"},
    {NULL, NULL},
};

const char *const help_examples[] = {
    "customer create --name 'Ada Lovelace' --email ada@example.com",
    "order list --unbilled --watch",
    "product create --from products.jsonl",
    "help order create",
    NULL,
};

const char *help_flag_head(struct arena *arena, const struct flag *flag) {
  if (!flag->value) return arena_printf(arena, "--%s", flag->name);
  bool optional = flag->kind == FLAG_WATCH;
  return arena_printf(arena, "--%s %s%s%s", flag->name, optional ? "[" : "", flag->value, optional ? "]" : "");
}

/* Several words are as they are used. */
const char *help_operand(struct arena *arena, const struct verb *verb) {
  if (!verb->operand) return "";
  return verb->operands_many && !strchr(verb->operand, ' ') ? arena_printf(arena, "%s ...", verb->operand)
                                                            : verb->operand;
}

const char *help_usage(struct arena *arena, const struct noun *noun, const struct verb *verb) {
  if (!verb && noun->verbs) return arena_printf(arena, "%s VERB [ID ...] [FLAG ...]", noun->name);
  if (!verb)
    return arena_printf(arena, "%s %s%s[FLAG ...]", noun->name, noun->operands ? noun->operands : "",
                        noun->operands ? " " : "");
  const char *usage = arena_printf(arena, "%s %s", noun->name, verb->name);
  if (verb->operand) usage = arena_printf(arena, "%s %s", usage, help_operand(arena, verb));
  for (const struct flag *flag = verb->flags; flag && flag->name; flag++) {
    if (flag->required) usage = arena_printf(arena, "%s %s", usage, help_flag_head(arena, flag));
  }
  return arena_printf(arena, "%s [FLAG ...]", usage);
}

const char *help_verbs(struct arena *arena, const struct noun *noun) {
  const char *names = "";
  for (const struct verb *verb = noun->verbs; verb->name; verb++) {
    names = arena_printf(arena, "%s%s%s", names, *names ? ", " : "", verb->name);
  }
  return names;
}

const char *help_example(struct arena *arena, const char *example) {
  return arena_printf(arena, "ordershop %s", example);
}

bool help_takes_lines(const struct verb *verb) {
  for (const struct flag *flag = verb->shared; flag && flag->name; flag++) {
    if (flag->kind == FLAG_FROM) return true;
  }
  return false;
}

const char *help_of_lines(struct arena *arena, const struct verb *verb) {
  const char *batches = verb->batch ? ", in batches of 100," : "";
  return arena_printf(
      arena,
      "With --from, each line is a JSON object with the fields of one, named as --json prints them. They are carried "
      "out "
      "in order%s and a line that is bad or refused is reported by its number, while the others go on (exit status 1). "
      "An outage ends it (3). The same command with the same --request-id goes on where one ended, however it did, and "
      "does nothing twice: the request ids of its calls are derived from it and the numbers of lines. With --json or "
      "--quiet, what was %s is printed, a line each.",
      batches, verb->done);
}
