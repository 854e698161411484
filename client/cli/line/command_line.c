/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/command_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/flags.h"
#include "base/similar.h"

enum { WATCH_MS = 2000 };

/* The flags that are valid at one place of the line. */
struct flag_set {
  const struct flag **flags;
  struct flag_rule *rules;
  size_t count;
};

static struct status refuse(struct arena *arena, const char *sentence) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "%s", sentence);
}

const char *invocation_name(struct arena *arena, const struct invocation *invocation) {
  if (!invocation->noun) return "ordershop";
  if (!invocation->verb) return invocation->noun->name;
  return arena_printf(arena, "%s %s", invocation->noun->name, invocation->verb->name);
}

const char *invocation_value(const struct invocation *invocation, const char *flag) {
  const char *value = NULL;
  for (size_t i = 0; i < invocation->given_count; i++) {
    const struct given_flag *given = &invocation->given[i];
    if (strcmp(given->flag->name, flag) == 0) value = given->value ? given->value : "";
  }
  return value;
}

/* ---- flags ------------------------------------------------------------------------------------------------------ */

static size_t count_flags(const struct flag *flags) {
  size_t count = 0;
  while (flags && flags[count].name) count++;
  return count;
}

static enum flag_value value_of(const struct flag *flag) {
  if (!flag->value) return FLAG_VALUE_NONE;
  return flag->kind == FLAG_WATCH ? FLAG_VALUE_OPTIONAL : FLAG_VALUE_NEEDED;
}

static void add_flags(struct flag_set *set, const struct flag *flags) {
  for (; flags && flags->name; flags++) {
    set->rules[set->count] = (struct flag_rule){.name = flags->name, .value = value_of(flags)};
    set->flags[set->count++] = flags;
  }
}

/* Those of every command, then those of the verb, or of a noun without verbs. */
static struct flag_set flags_at(struct arena *arena, const struct invocation *invocation) {
  const struct noun *noun = invocation->noun;
  const struct verb *verb = invocation->verb;
  const struct flag *lists[] = {command_global_flags, noun ? noun->flags : NULL, verb ? verb->flags : NULL,
                                verb ? verb->shared : NULL};
  size_t max = 0;
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) max += count_flags(lists[i]);
  struct flag_set set = {.flags = arena_calloc(arena, max, sizeof(*set.flags)),
                         .rules = arena_calloc(arena, max, sizeof(*set.rules))};
  for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) add_flags(&set, lists[i]);
  return set;
}

static struct status set_seconds(struct arena *arena, const struct flag *flag, const char *value, int64_t *ret_ms) {
  char *end;
  double seconds = strtod(value, &end);
  if (end == value || *end != '\0' || !(seconds >= 0.001 && seconds <= 86400)) {
    return refuse(
        arena, arena_printf(arena, "--%s: \"%s\" is not a number of seconds from 0.001 to 86400", flag->name, value));
  }
  *ret_ms = (int64_t)(seconds * 1000 + 0.5);
  return status_ok();
}

static struct status set_color(struct arena *arena, const struct flag *flag, const char *value,
                               enum terminal_color *ret_color) {
  for (int i = 0; flag->choices[i]; i++) {
    if (strcmp(flag->choices[i], value) != 0) continue;
    *ret_color = (enum terminal_color)i;
    return status_ok();
  }
  return refuse(arena, arena_printf(arena, "--color: \"%s\" is none of auto, always, never", value));
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
    case FLAG_QUIET:
      invocation->quiet = true;
      return status_ok();
    case FLAG_ALL:
      invocation->all = true;
      return status_ok();
    case FLAG_SECONDS:
      return set_seconds(arena, flag, value, &invocation->timeout_ms);
    case FLAG_WATCH:
      invocation->watch_ms = WATCH_MS;
      return value ? set_seconds(arena, flag, value, &invocation->watch_ms) : status_ok();
    case FLAG_COLOR:
      return set_color(arena, flag, value, &invocation->color);
    case FLAG_FROM:
      invocation->from = value;
      return status_ok();
    default:
      invocation->given[invocation->given_count++] = (struct given_flag){.flag = flag, .value = value};
      return status_ok();
  }
}

/* Reads flags from argv[1] on: all of them, operands moved to the end, or with `until_operand` those before the first
 * operand. Then *ret_next is the index of the first operand. */
static struct status read_flags(struct arena *arena, struct invocation *invocation, int argc, char **argv,
                                bool until_operand, int *ret_next) {
  struct flag_set set = flags_at(arena, invocation);
  const char *name = invocation_name(arena, invocation);
  struct flag_reader reader = {.arena = arena,
                               .command = name,
                               .help = invocation->noun ? arena_printf(arena, "ordershop %s", name) : name,
                               .rules = set.rules,
                               .rule_count = set.count,
                               .argc = argc,
                               .argv = argv,
                               .until_operand = until_operand};
  struct status status;
  while (flag_read(&reader, &status)) {
    status = take_flag(arena, invocation, set.flags[reader.rule], reader.value);
    if (!status_is_ok(status)) break;
  }
  *ret_next = reader.next;
  return status;
}

/* ---- nouns and verbs -------------------------------------------------------------------------------------------- */

/* What there is to choose from, without what is hidden. */
static const char **noun_words(struct arena *arena) {
  size_t count = 0;
  while (command_nouns[count]) count++;
  const char **words = arena_calloc(arena, 2 * count + 1, sizeof(*words)), **end = words;
  for (size_t i = 0; i < count; i++) {
    if (command_nouns[i]->hidden) continue;
    *end++ = command_nouns[i]->name;
    if (command_nouns[i]->alias) *end++ = command_nouns[i]->alias;
  }
  return words;
}

static const char **verb_words(struct arena *arena, const struct noun *noun) {
  size_t count = 0;
  while (noun->verbs[count].name) count++;
  const char **words = arena_calloc(arena, count + 1, sizeof(*words));
  for (size_t i = 0; i < count; i++) words[i] = noun->verbs[i].name;
  return words;
}

static const char *joined(struct arena *arena, const char *const *words) {
  const char *text = "";
  for (; *words; words++) text = arena_printf(arena, "%s%s%s", text, *text ? ", " : "", *words);
  return text;
}

static struct status take_noun(struct arena *arena, struct invocation *invocation, const char *name) {
  const char **words = noun_words(arena);
  if (!name)
    return refuse(arena,
                  arena_printf(arena, "a command is needed: one of %s; see ordershop --help", joined(arena, words)));
  invocation->noun = command_noun(name);
  if (invocation->noun) return status_ok();
  const char *near = similar_word(arena, name, words);
  if (near) {
    return refuse(arena,
                  arena_printf(arena, "unknown command \"%s\"; did you mean \"%s\"? See ordershop --help", name, near));
  }
  return refuse(arena, arena_printf(arena, "unknown command \"%s\"; there are %s", name, joined(arena, words)));
}

static struct status take_verb(struct arena *arena, struct invocation *invocation, const char *name) {
  const struct noun *noun = invocation->noun;
  const char **words = verb_words(arena, noun);
  if (!name) {
    return refuse(arena, arena_printf(arena, "%s needs a verb: one of %s; see ordershop %s --help", noun->name,
                                      joined(arena, words), noun->name));
  }
  invocation->verb = command_verb(noun, name);
  if (invocation->verb) return status_ok();
  const char *near = similar_word(arena, name, words);
  if (near) {
    return refuse(arena, arena_printf(arena, "%s has no verb \"%s\"; did you mean \"%s\"? See ordershop %s --help",
                                      noun->name, name, near, noun->name));
  }
  return refuse(arena, arena_printf(arena, "%s has no verb \"%s\"; it has %s", noun->name, name, joined(arena, words)));
}

static struct status check_operands(struct arena *arena, const struct invocation *invocation) {
  const char *name = invocation_name(arena, invocation);
  const struct verb *verb = invocation->verb;
  if (!verb && invocation->noun->operands) return status_ok();
  bool takes = verb && verb->operand && !invocation->from;
  if (takes && !verb->operands_optional && invocation->operand_count == 0) {
    return refuse(arena, arena_printf(arena, "%s needs %s; see ordershop %s --help", name, verb->operand, name));
  }
  if (takes && verb->operands_many) return status_ok();
  size_t max = takes ? 1 : 0;
  if (invocation->operand_count <= max) return status_ok();
  return refuse(arena, arena_printf(arena, "%s%s does not take \"%s\"", name, invocation->from ? " --from" : "",
                                    invocation->operands[max]));
}

static bool is_given(const struct invocation *invocation, const struct flag *flag) {
  for (size_t i = 0; i < invocation->given_count; i++) {
    if (invocation->given[i].flag == flag) return true;
  }
  return false;
}

static struct status check_required(struct arena *arena, const struct invocation *invocation) {
  const struct flag *flag = invocation->verb && !invocation->from ? invocation->verb->flags : NULL;
  for (; flag && flag->name; flag++) {
    if (!flag->required || is_given(invocation, flag)) continue;
    return refuse(arena,
                  arena_printf(arena, "%s needs --%s %s", invocation_name(arena, invocation), flag->name, flag->value));
  }
  return status_ok();
}

/* With --from, the lines say all that flags would. */
static struct status check_from(struct arena *arena, const struct invocation *invocation) {
  for (size_t i = 0; invocation->from && i < invocation->given_count; i++) {
    const struct flag *flag = invocation->given[i].flag;
    if (flag->kind == FLAG_SETTING || strcmp(flag->name, "request-id") == 0) continue;
    return refuse(arena, arena_printf(arena, "--%s does not go with --from, whose lines say all", flag->name));
  }
  return status_ok();
}

/* ---- the line --------------------------------------------------------------------------------------------------- */

/* Reads flags up to the next word and steps to it; it becomes argv[0]. *ret_word NULL if there is none. */
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
  if (status_is_ok(status)) status = check_from(arena, invocation);
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
