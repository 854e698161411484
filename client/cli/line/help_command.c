/* SPDX-License-Identifier: Apache-2.0 */
/* --help at every level, and `help`. */
#include <stdio.h>
#include <string.h>

#include "client/cli/commands/commands.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/help_text.h"
#include "client/cli/output/terminal.h"

enum { HEAD_WIDTH = 28 };

static void print_heading(struct arena *arena, const char *heading) {
  printf("\n%s\n", terminal_paint(arena, PAINT_HEADING, heading));
}

/* Words from `column` on, where the line stands, in lines of HELP_WIDTH that begin at `left`. */
static void print_words(const char *text, int left, int column) {
  text += strspn(text, " \n");
  while (*text) {
    int size = (int)strcspn(text, " \n");
    if (column > left && column + 1 + size > HELP_WIDTH) column = printf("\n%*s", left, "") - 1;
    column += printf("%s%.*s", column > left ? " " : "", size, text);
    text += size + (int)strspn(text + size, " \n");
  }
  putchar('\n');
}

/* "  --name NAME  Display name": the text on the next line where the head is long. */
static void print_entry(const char *head, const char *text) {
  int column = printf("  %-*s", HEAD_WIDTH - 2, head);
  if (column > HEAD_WIDTH || strlen(head) > HEAD_WIDTH - 4) column = printf("\n%*s", HEAD_WIDTH, "") - 1;
  print_words(text, HEAD_WIDTH, column);
}

static void print_paragraph(const char *text) {
  putchar('\n');
  print_words(text, 0, 0);
}

static void print_flags(struct arena *arena, const struct flag *flags) {
  for (; flags && flags->name; flags++) {
    const char *help = flags->required ? arena_printf(arena, "%s (required)", flags->help) : flags->help;
    print_entry(help_flag_head(arena, flags), help);
  }
}

static void print_examples(struct arena *arena, const char *const *examples) {
  if (!examples) return;
  print_heading(arena, "Examples");
  for (; *examples; examples++) printf("  %s\n", help_example(arena, *examples));
}

/* The examples of the first verbs, one of each. */
static void print_first_examples(struct arena *arena, const struct noun *noun) {
  print_heading(arena, "Examples");
  for (const struct verb *verb = noun->verbs; verb->name; verb++) {
    if (verb->examples) printf("  %s\n", help_example(arena, verb->examples[0]));
  }
}

/* ---- levels ----------------------------------------------------------------------------------------------------- */

static void print_all(struct arena *arena) {
  printf("Usage: ordershop COMMAND [VERB] [ID ...] [FLAG ...]\n\nThe shop from the command line.\n");
  print_heading(arena, "Commands");
  for (const struct noun *const *at = command_nouns; *at; at++) {
    const struct noun *noun = *at;
    if (noun->hidden) continue;
    const char *head = noun->alias ? arena_printf(arena, "%s, %s", noun->name, noun->alias) : noun->name;
    const char *verbs = noun->verbs ? arena_printf(arena, ": %s", help_verbs(arena, noun)) : "";
    print_entry(head, arena_printf(arena, "%s%s", noun->help, verbs));
  }
  print_heading(arena, "Flags that all of them take");
  print_flags(arena, command_global_flags);
  print_entry("--version", "Say which version this is");
  print_examples(arena, help_examples);
  print_heading(arena, "Exit status");
  for (const struct help_entry *entry = help_exits; entry->head; entry++) print_entry(entry->head, entry->text);
  printf("\nordershop COMMAND --help and ordershop COMMAND VERB --help tell more; so does man ordershop.\n");
}

static void print_noun(struct arena *arena, const struct noun *noun) {
  printf("Usage: ordershop %s\n\n%s.\n", help_usage(arena, noun, NULL), noun->help);
  if (noun->alias) printf("%s can be written as %s.\n", noun->name, noun->alias);
  if (noun->details) print_paragraph(noun->details);
  if (noun->verbs) print_heading(arena, "Verbs");
  for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) {
    print_entry(arena_printf(arena, "%s%s%s", verb->name, verb->operand ? " " : "", help_operand(arena, verb)),
                verb->help);
  }
  if (noun->flags) print_heading(arena, "Flags");
  print_flags(arena, noun->flags);
  if (noun->verbs) print_first_examples(arena, noun);
  print_examples(arena, noun->examples);
  printf("\nordershop --help tells the flags that all commands take.\n");
}

static void print_verb(struct arena *arena, const struct noun *noun, const struct verb *verb) {
  printf("Usage: ordershop %s\n\n%s.\n", help_usage(arena, noun, verb), verb->help);
  if (verb->details) print_paragraph(verb->details);
  if (verb->flags || verb->shared) print_heading(arena, "Flags");
  print_flags(arena, verb->flags);
  print_flags(arena, verb->shared);
  if (help_takes_lines(verb)) print_paragraph(help_of_lines(arena, verb));
  print_examples(arena, verb->examples);
  printf("\nordershop --help tells the flags that all commands take.\n");
}

/* ---- commands --------------------------------------------------------------------------------------------------- */

int command_help(struct arena *arena, const struct invocation *invocation) {
  if (!invocation->noun) {
    print_all(arena);
  } else if (!invocation->verb) {
    print_noun(arena, invocation->noun);
  } else {
    print_verb(arena, invocation->noun, invocation->verb);
  }
  return EXIT_DONE;
}

/* `help order create` is `order create --help`. */
int command_help_about(struct session *session) {
  const struct invocation *asked = session->invocation;
  char *argv[] = {NULL, NULL, NULL, NULL, NULL};
  static char program[] = "ordershop", help[] = "--help";
  int argc = 0;
  argv[argc++] = program;
  for (size_t i = 0; i < asked->operand_count && i < 2; i++) argv[argc++] = asked->operands[i];
  argv[argc++] = help;
  struct invocation invocation;
  struct status status = command_line_parse(session->arena, argc, argv, &invocation);
  if (!status_is_ok(status)) return failure_of_usage(asked->json, status);
  return command_help(session->arena, &invocation);
}
