/* SPDX-License-Identifier: Apache-2.0 */
#include "base/flags.h"

#include <ctype.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/similar.h"

enum { OPTION_BASE = 256 }; /* above every character that getopt_long may return */

static struct status refuse(struct arena *arena, const char *sentence) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "%s", sentence);
}

/* ---- what getopt_long has refused ------------------------------------------------------------------------------- */

/* "; did you mean --email?" or "". */
static const char *suggestion(const struct flag_reader *reader, const char *flag) {
  const char **names = arena_calloc(reader->arena, reader->rule_count + 1, sizeof(*names));
  for (size_t i = 0; i < reader->rule_count; i++) names[i] = reader->rules[i].name;
  const char *near = similar_word(reader->arena, flag + strspn(flag, "-"), names);
  return near ? arena_printf(reader->arena, "; did you mean --%s?", near) : "";
}

static struct status refuse_unknown(const struct flag_reader *reader, const char *flag) {
  struct arena *arena = reader->arena;
  const char *near = suggestion(reader, flag);
  const char *there_is_none = reader->command ? arena_printf(arena, "%s has no", reader->command) : "there is no";
  return refuse(arena, arena_printf(arena, "%s flag %s%s%s %s --help", there_is_none, flag, near,
                                    *near ? " See" : "; see", reader->help));
}

/* Of `-name`, which getopt_long reads letter by letter, it goes on to the next argument only after the last one. */
static const char *refused_argument(const struct flag_reader *reader) {
  const char *argument = reader->argv[optind - 1];
  bool is_letter = optopt != 0 && optopt < OPTION_BASE;
  bool is_last_letter = argument[0] == '-' && argument[1] != '-' && argument[strlen(argument) - 1] == optopt;
  return !is_letter || is_last_letter ? argument : reader->argv[optind];
}

/* The flag without its value, in one line. */
static const char *refused_flag(const struct flag_reader *reader) {
  const char *argument = refused_argument(reader);
  char *flag = arena_memdup(reader->arena, argument, strcspn(argument, "="));
  for (char *at = flag; *at; at++) {
    if (iscntrl((unsigned char)*at)) *at = '?';
  }
  return flag;
}

static struct status refuse_option(const struct flag_reader *reader, bool lacks_value) {
  struct arena *arena = reader->arena;
  const char *flag = refused_flag(reader);
  if (lacks_value) return refuse(arena, arena_printf(arena, "%s needs a value", flag));
  if (optopt >= OPTION_BASE) return refuse(arena, arena_printf(arena, "%s takes no value", flag));
  return refuse_unknown(reader, flag);
}

/* ---- what getopt_long has taken --------------------------------------------------------------------------------- */

/* `argument` is what was read last: the flag, or its value. */
static bool is_abbreviated(const struct flag_rule *rule, char *const *argument) {
  const char *text = rule->value != FLAG_VALUE_NONE && *argument == optarg ? argument[-1] : argument[0];
  if (text[0] != '-' || text[1] != '-') return false; /* -h, or an optional value */
  return strcspn(text + 2, "=") != strlen(rule->name);
}

static bool value_is_a_flag(const struct flag_reader *reader, const char *argument) {
  if (!optarg || argument != optarg || strncmp(optarg, "--", 2) != 0) return false;
  size_t length = strcspn(optarg + 2, "=");
  for (size_t i = 0; i < reader->rule_count; i++) {
    const char *name = reader->rules[i].name;
    if (strlen(name) == length && strncmp(name, optarg + 2, length) == 0) return true;
  }
  return false;
}

static struct status check_taken(const struct flag_reader *reader, const struct flag_rule *rule) {
  struct arena *arena = reader->arena;
  char *const *argument = &reader->argv[optind - 1];
  if (is_abbreviated(rule, argument)) {
    return refuse(arena, arena_printf(arena, "flags are not abbreviated; there is --%s", rule->name));
  }
  if (value_is_a_flag(reader, *argument)) {
    return refuse(arena, arena_printf(arena, "--%s needs a value; if %s is meant to be it: --%s=%s", rule->name, optarg,
                                      rule->name, optarg));
  }
  return status_ok();
}

static bool is_number(const char *text) {
  return text && *text && text[strspn(text, "0123456789.")] == '\0';
}

/* getopt_long knows optional values in the form --watch=2 only. */
static const char *value_of(const struct flag_reader *reader, const struct flag_rule *rule) {
  if (rule->value != FLAG_VALUE_OPTIONAL || optarg) return optarg;
  bool apart = optind < reader->argc && is_number(reader->argv[optind]);
  return apart ? reader->argv[optind++] : NULL;
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static struct option *options_of(const struct flag_reader *reader) {
  static const int arguments[] = {[FLAG_VALUE_NONE] = no_argument,
                                  [FLAG_VALUE_NEEDED] = required_argument,
                                  [FLAG_VALUE_OPTIONAL] = optional_argument};
  struct option *options = arena_calloc(reader->arena, reader->rule_count + 1, sizeof(*options));
  for (size_t i = 0; i < reader->rule_count; i++) {
    const struct flag_rule *rule = &reader->rules[i];
    options[i] = (struct option){.name = rule->name, .has_arg = arguments[rule->value], .val = OPTION_BASE + (int)i};
  }
  return options;
}

static void begin(struct flag_reader *reader) {
  reader->options = options_of(reader);
  unsetenv("POSIXLY_CORRECT"); /* or flags behind the first operand were operands, too */
  optind = 0;                  /* glibc: start anew */
  opterr = 0;
}

/* Takes -h for --help; returns -1 if there is no such flag. */
static int find_help(const struct flag_reader *reader) {
  for (size_t i = 0; i < reader->rule_count; i++) {
    if (strcmp(reader->rules[i].name, "help") == 0) return OPTION_BASE + (int)i;
  }
  return -1;
}

bool flag_read(struct flag_reader *reader, struct status *ret_status) {
  if (!reader->options) begin(reader);
  *ret_status = status_ok();
  int option = getopt_long(reader->argc, reader->argv, reader->until_operand ? "+:h" : ":h", reader->options, NULL);
  reader->next = optind;
  if (option == -1) return false;
  if (option == 'h') option = find_help(reader);
  if (option == -1) *ret_status = refuse_unknown(reader, "-h");
  if (option >= 0 && option < OPTION_BASE) *ret_status = refuse_option(reader, option == ':');
  if (option < OPTION_BASE) return false;
  reader->rule = (size_t)(option - OPTION_BASE);
  const struct flag_rule *rule = &reader->rules[reader->rule];
  *ret_status = check_taken(reader, rule);
  reader->value = value_of(reader, rule);
  return status_is_ok(*ret_status);
}
