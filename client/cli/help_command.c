/* --help at every level. */
#include <stdio.h>
#include <string.h>

#include "client/cli/commands.h"

static void print_flags(const struct flag *flags) {
  for (; flags && flags->name; flags++) {
    char head[64];
    snprintf(head, sizeof(head), "--%s%s%s", flags->name, flags->value ? " " : "", flags->value ? flags->value : "");
    printf("  %-26s  %s%s\n", head, flags->help, flags->required ? " (required)" : "");
  }
}

static void print_verb_line(const struct noun *noun, const struct verb *verb) {
  char head[64];
  snprintf(head, sizeof(head), "%s %s%s%s", noun->name, verb->name, verb->operand ? " " : "",
           verb->operand ? verb->operand : "");
  printf("  %-26s  %s\n", head, verb->help);
}

static void print_noun_line(const struct noun *noun) {
  if (!noun->verbs) {
    char head[64];
    snprintf(head, sizeof(head), "%s%s%s", noun->name, noun->operands ? " " : "", noun->operands ? noun->operands : "");
    printf("  %-26s  %s\n", head, noun->help);
    return;
  }
  for (const struct verb *verb = noun->verbs; verb->name; verb++) print_verb_line(noun, verb);
}

static void print_all(void) {
  printf("Usage: ordershop [FLAG]... COMMAND [VERB] [ID] [FLAG]...\n\nCommands:\n");
  for (const struct noun *const *noun = command_nouns; *noun; noun++) {
    if (!(*noun)->hidden) print_noun_line(*noun);
  }
  printf("\nFlags that all of them take:\n");
  print_flags(command_global_flags);
  printf("\nordershop COMMAND VERB --help tells its own flags.\n");
  printf(
      "Exit status: 0 done; 1 refused by the service, or health: not all serve, demo: something did not hold;\n"
      "2 wrong arguments; 3 a service is unavailable or did not answer in time.\n");
}

static void print_noun(const struct noun *noun) {
  printf("%s.\n\n", noun->help);
  print_noun_line(noun);
  if (noun->alias) printf("\n%s can be written as %s.\n", noun->name, noun->alias);
  printf("\nordershop --help tells the flags that all commands take.\n");
}

static void print_verb(const struct noun *noun, const struct verb *verb) {
  printf("Usage: ordershop %s %s%s%s [FLAG]...\n\n%s.\n", noun->name, verb->name, verb->operand ? " " : "",
         verb->operand ? verb->operand : "", verb->help);
  if (verb->flags || verb->shared) printf("\n");
  print_flags(verb->flags);
  print_flags(verb->shared);
  printf("\nordershop --help tells the flags that all commands take.\n");
}

int command_help(const struct invocation *invocation) {
  if (!invocation->noun) {
    print_all();
  } else if (!invocation->verb) {
    print_noun(invocation->noun);
  } else {
    print_verb(invocation->noun, invocation->verb);
  }
  return EXIT_DONE;
}
