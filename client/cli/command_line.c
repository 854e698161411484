#include "client/cli/command_line.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_BASE = 256 };

/* The flags that are valid at one place of the line. */
struct flag_set {
  const struct flag **flags;
  struct option *options;
  int count;
};

static struct status refuse(struct arena *arena, const char *sentence) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, "USAGE", "%s", sentence);
}

const char *invocation_name(struct arena *arena, const struct invocation *invocation) {
  if (!invocation->noun) return "ordershop";
  if (!invocation->verb) return invocation->noun->name;
  return arena_printf(arena, "%s %s", invocation->noun->name, invocation->verb->name);
}

/* ---- flags ------------------------------------------------------------------------------------------------------ */

static int count_flags(const struct flag *flags) {
  int count = 0;
  while (flags && flags[count].name) count++;
  return count;
}

static void add_flags(struct flag_set *set, const struct flag *flags) {
  for (; flags && flags->name; flags++) {
    set->flags[set->count] = flags;
    set->options[set->count] = (struct option){.name = flags->name,
                                               .has_arg = flags->value ? required_argument : no_argument,
                                               .val = OPTION_BASE + set->count};
    set->count++;
  }
}

static struct flag_set flags_at(struct arena *arena, const struct verb *verb) {
  int most = count_flags(command_global_flags);
  if (verb) most += count_flags(verb->flags) + count_flags(verb->shared);
  struct flag_set set = {.flags = arena_calloc(arena, (size_t)most, sizeof(*set.flags)),
                         .options = arena_calloc(arena, (size_t)most + 1, sizeof(*set.options))};
  add_flags(&set, command_global_flags);
  if (verb) add_flags(&set, verb->flags);
  if (verb) add_flags(&set, verb->shared);
  return set;
}

static struct status set_timeout(struct arena *arena, struct invocation *invocation, const char *value) {
  char *end;
  double seconds = strtod(value, &end);
  if (end == value || *end != '\0' || !(seconds >= 0.001 && seconds <= 86400)) {
    return refuse(arena,
                  arena_printf(arena, "--timeout: \"%s\" is not a number of seconds from 0.001 to 86400", value));
  }
  invocation->timeout_ms = (int64_t)(seconds * 1000 + 0.5);
  return status_ok();
}

static struct status take_flag(struct arena *arena, struct invocation *invocation, const struct flag *flag,
                               const char *value) {
  switch (flag->kind) {
    case FLAG_HELP:
      invocation->help = true;
      return status_ok();
    case FLAG_JSON:
      invocation->json = true;
      return status_ok();
    case FLAG_ALL:
      invocation->all = true;
      return status_ok();
    case FLAG_SECONDS:
      return set_timeout(arena, invocation, value);
    default:
      invocation->given[invocation->given_count++] = (struct given_flag){.flag = flag, .value = value};
      return status_ok();
  }
}

/* After getopt_long has refused what it just read. */
static struct status refuse_flag(struct arena *arena, const struct invocation *invocation, const char *argument,
                                 bool lacks_value) {
  bool is_short = optopt > 0 && optopt < OPTION_BASE;
  const char *flag =
      is_short ? arena_printf(arena, "-%c", optopt) : arena_memdup(arena, argument, strcspn(argument, "="));
  if (lacks_value) return refuse(arena, arena_printf(arena, "%s needs a value", flag));
  if (optopt >= OPTION_BASE) return refuse(arena, arena_printf(arena, "%s takes no value", flag));
  const char *name = invocation_name(arena, invocation);
  const char *line = invocation->noun ? arena_printf(arena, "ordershop %s", name) : name;
  return refuse(arena, arena_printf(arena, "%s has no flag %s; see %s --help", name, flag, line));
}

static struct status refuse_abbreviation(struct arena *arena, const struct flag *flag) {
  return refuse(arena, arena_printf(arena, "flags are not abbreviated; there is --%s", flag->name));
}

/* getopt_long takes --mail for --mail-address; a script that relies on that breaks with the next flag. `argument` is
 * what it read last: the flag, or its value. */
static bool is_abbreviated(const struct flag *flag, char *const *argument) {
  const char *text = flag->value && *argument == optarg ? argument[-1] : argument[0];
  if (text[0] != '-' || text[1] != '-') return false; /* -h */
  return strcspn(text + 2, "=") != strlen(flag->name);
}

/* Reads flags from argv[1] on: all of them, operands moved to the end, or with `until_operand` those before the first
 * operand. Then *ret_next is the index of the first operand. */
static struct status read_flags(struct arena *arena, struct invocation *invocation, int argc, char **argv,
                                bool until_operand, int *ret_next) {
  struct flag_set set = flags_at(arena, invocation->verb);
  optind = 0; /* glibc: start anew */
  opterr = 0;
  for (;;) {
    int option = getopt_long(argc, argv, until_operand ? "+:h" : ":h", set.options, NULL);
    if (option == -1) break;
    if (option == 'h') option = OPTION_BASE; /* --help comes first in the table */
    if (option < OPTION_BASE) return refuse_flag(arena, invocation, argv[optind - 1], option == ':');
    const struct flag *flag = set.flags[option - OPTION_BASE];
    if (is_abbreviated(flag, &argv[optind - 1])) return refuse_abbreviation(arena, flag);
    struct status status = take_flag(arena, invocation, flag, optarg);
    if (!status_is_ok(status)) return status;
  }
  *ret_next = optind;
  return status_ok();
}

/* ---- nouns and verbs -------------------------------------------------------------------------------------------- */

static const struct noun *find_noun(const char *name) {
  for (const struct noun *noun = command_nouns; noun->name; noun++) {
    if (strcmp(noun->name, name) == 0 || (noun->alias && strcmp(noun->alias, name) == 0)) return noun;
  }
  return NULL;
}

static const struct verb *find_verb(const struct noun *noun, const char *name) {
  for (const struct verb *verb = noun->verbs; verb->name; verb++) {
    if (strcmp(verb->name, name) == 0) return verb;
  }
  return NULL;
}

static const char *noun_names(struct arena *arena) {
  const char *names = "";
  for (const struct noun *noun = command_nouns; noun->name; noun++) {
    names = arena_printf(arena, "%s%s%s", names, *names ? ", " : "", noun->name);
  }
  return names;
}

static const char *verb_names(struct arena *arena, const struct noun *noun) {
  const char *names = "";
  for (const struct verb *verb = noun->verbs; verb->name; verb++) {
    names = arena_printf(arena, "%s%s%s", names, *names ? ", " : "", verb->name);
  }
  return names;
}

static struct status take_noun(struct arena *arena, struct invocation *invocation, const char *name) {
  if (!name) return refuse(arena, arena_printf(arena, "what? One of %s; see ordershop --help", noun_names(arena)));
  invocation->noun = find_noun(name);
  if (invocation->noun) return status_ok();
  return refuse(arena, arena_printf(arena, "there is no command \"%s\"; there are %s", name, noun_names(arena)));
}

static struct status take_verb(struct arena *arena, struct invocation *invocation, const char *name) {
  const struct noun *noun = invocation->noun;
  const char *verbs = verb_names(arena, noun);
  if (!name) return refuse(arena, arena_printf(arena, "%s needs a verb: one of %s", noun->name, verbs));
  invocation->verb = find_verb(noun, name);
  if (invocation->verb) return status_ok();
  return refuse(arena, arena_printf(arena, "%s has no verb \"%s\"; it has %s", noun->name, name, verbs));
}

static struct status check_operands(struct arena *arena, const struct invocation *invocation) {
  const char *name = invocation_name(arena, invocation);
  const char *placeholder = invocation->verb ? invocation->verb->operand : NULL;
  if (!invocation->verb && invocation->noun->operands) return status_ok();
  if (placeholder && invocation->operand_count == 0) {
    return refuse(arena, arena_printf(arena, "%s needs %s", name, placeholder));
  }
  size_t most = placeholder ? 1 : 0;
  if (invocation->operand_count <= most) return status_ok();
  return refuse(arena, arena_printf(arena, "%s does not take \"%s\"", name, invocation->operands[most]));
}

static bool is_given(const struct invocation *invocation, const struct flag *flag) {
  for (size_t i = 0; i < invocation->given_count; i++) {
    if (invocation->given[i].flag == flag) return true;
  }
  return false;
}

static struct status check_required(struct arena *arena, const struct invocation *invocation) {
  const struct flag *flag = invocation->verb ? invocation->verb->flags : NULL;
  for (; flag && flag->name; flag++) {
    if (!flag->required || is_given(invocation, flag)) continue;
    return refuse(arena,
                  arena_printf(arena, "%s needs --%s %s", invocation_name(arena, invocation), flag->name, flag->value));
  }
  return status_ok();
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

/* Reads flags up to the next word and steps to it; it becomes argv[0]. *ret_word NULL: there is none. */
static struct status next_word(struct arena *arena, struct invocation *invocation, int *argc, char ***argv,
                               const char **ret_word) {
  int next = 0;
  struct status status = read_flags(arena, invocation, *argc, *argv, true, &next);
  if (!status_is_ok(status)) return status;
  *argc -= next;
  *argv += next;
  *ret_word = *argc > 0 ? (*argv)[0] : NULL;
  return status_ok();
}

static struct status read_operands(struct arena *arena, struct invocation *invocation, int argc, char **argv) {
  int next = 0;
  struct status status = read_flags(arena, invocation, argc, argv, false, &next);
  if (!status_is_ok(status) || invocation->help) return status;
  invocation->operands = argv + next;
  invocation->operand_count = (size_t)(argc - next);
  status = check_operands(arena, invocation);
  return status_is_ok(status) ? check_required(arena, invocation) : status;
}

struct status command_line_parse(struct arena *arena, int argc, char **argv, struct invocation *ret_invocation) {
  struct invocation invocation = {.given = arena_calloc(arena, (size_t)argc + 1, sizeof(struct given_flag))};
  const char *word;
  struct status status = next_word(arena, &invocation, &argc, &argv, &word);
  if (status_is_ok(status) && !(invocation.help && !word)) status = take_noun(arena, &invocation, word);
  if (status_is_ok(status) && invocation.noun && invocation.noun->verbs) {
    status = next_word(arena, &invocation, &argc, &argv, &word);
    if (status_is_ok(status) && !(invocation.help && !word)) status = take_verb(arena, &invocation, word);
  }
  if (status_is_ok(status) && argc > 0) status = read_operands(arena, &invocation, argc, argv);
  if (status_is_ok(status)) *ret_invocation = invocation;
  return status;
}
