/* SPDX-License-Identifier: Apache-2.0 */
#include "base/config.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/flags.h"
#include "base/log.h"

enum { SECRET_MAX = 4096 };

/* Where a value came from, for messages: "--listen-port" or "COUPON_LISTEN_PORT". */
struct origin {
  const char *name;
  const char *value; /* NULL means not given */
};

static const char *const boolean_words[] = {"true", "false", "1", "0", "yes", "no", "on", "off", NULL};

static bool has_prefix(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* With the prefix COUPON_: COUPON_REDIS_URL -> redis-url */
static const char *flag_of(struct arena *arena, const char *prefix, const struct setting *setting) {
  const char *variable = setting->variable;
  char *flag = arena_strdup(arena, has_prefix(variable, prefix) ? variable + strlen(prefix) : variable);
  for (char *at = flag; *at; at++) *at = *at == '_' ? '-' : (char)tolower((unsigned char)*at);
  return flag;
}

static struct status refuse(struct arena *arena, const char *name, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_configuration_invalid, "%s: %s", name, what);
}

/* What a message may show of a value: it stays in its line, and a password in a URL is left out. */
static const char *value_shown(struct arena *arena, const char *value) {
  const char *scheme = strstr(value, "://");
  const char *at = scheme ? strrchr(scheme, '@') : NULL;
  char *shown =
      at ? arena_printf(arena, "%.*s...%s", (int)(scheme + 3 - value), value, at) : arena_strdup(arena, value);
  for (char *c = shown; *c; c++) {
    if (iscntrl((unsigned char)*c)) *c = '?';
  }
  return shown;
}

static struct status refuse_value(struct arena *arena, struct origin origin, const char *allowed) {
  const char *shown = value_shown(arena, origin.value);
  return refuse(arena, origin.name, arena_printf(arena, "\"%s\" is not %s", shown, allowed));
}

/* ---- one value -------------------------------------------------------------------------------------------------- */

static int word_index(const char *const *words, const char *value) {
  for (int i = 0; words[i]; i++) {
    if (strcasecmp(words[i], value) == 0) return i;
  }
  return -1;
}

/* "one of a, b, c" */
static const char *words_list(struct arena *arena, const char *const *words) {
  const char *list = "one of";
  for (int i = 0; words[i]; i++) list = arena_printf(arena, "%s%s %s", list, i > 0 ? "," : "", words[i]);
  return list;
}

static struct status set_integer(struct arena *arena, const struct setting *setting, struct origin origin) {
  char *end;
  errno = 0;
  long long value = strtoll(origin.value, &end, 10);
  bool plain = isdigit((unsigned char)origin.value[0]) || origin.value[0] == '-';
  if (!plain || *end != '\0' || errno != 0 || value < setting->min || value > setting->max) {
    return refuse_value(arena, origin,
                        arena_printf(arena, "a number from %" PRId64 " to %" PRId64, setting->min, setting->max));
  }
  *(int64_t *)setting->target = value;
  return status_ok();
}

static struct status set_boolean(struct arena *arena, const struct setting *setting, struct origin origin) {
  int index = word_index(boolean_words, origin.value);
  if (index < 0) return refuse_value(arena, origin, words_list(arena, boolean_words));
  *(bool *)setting->target = index % 2 == 0;
  return status_ok();
}

static struct status set_choice(struct arena *arena, const struct setting *setting, struct origin origin) {
  int index = word_index(setting->choices, origin.value);
  if (index < 0) return refuse_value(arena, origin, words_list(arena, setting->choices));
  *(int *)setting->target = index;
  return status_ok();
}

static struct status set_text(struct arena *arena, const struct setting *setting, struct origin origin) {
  const char *allowed = setting->check ? setting->check(origin.value) : NULL;
  if (allowed) return refuse_value(arena, origin, allowed);
  *(const char **)setting->target = arena_strdup(arena, origin.value);
  return status_ok();
}

static bool may_be_unset(const struct setting *setting) {
  return setting->kind == SETTING_TEXT || setting->kind == SETTING_SECRET;
}

static struct status set_value(struct arena *arena, const struct setting *setting, struct origin origin) {
  if (!origin.value && may_be_unset(setting)) {
    *(const char **)setting->target = NULL;
    return status_ok();
  }
  if (!origin.value) return refuse(arena, setting->variable, "is required");
  switch (setting->kind) {
    case SETTING_INTEGER:
      return set_integer(arena, setting, origin);
    case SETTING_BOOLEAN:
      return set_boolean(arena, setting, origin);
    case SETTING_CHOICE:
      return set_choice(arena, setting, origin);
    case SETTING_SECRET:
      return config_read_secret(arena, origin.name, origin.value, setting->target);
    case SETTING_TEXT:
      break;
  }
  return set_text(arena, setting, origin);
}

/* ---- flags ------------------------------------------------------------------------------------------------------ */

/* Reads the flags into origins[i] of the settings that they name; the last one of a name wins. */
static struct status read_flags(struct arena *arena, const char *prefix, const char *program,
                                const struct setting *settings, size_t count, int argc, char **argv,
                                struct origin *origins) {
  struct flag_rule *rules = arena_calloc(arena, count, sizeof(*rules));
  for (size_t i = 0; i < count; i++) {
    rules[i] = (struct flag_rule){.name = flag_of(arena, prefix, &settings[i]), .value = FLAG_VALUE_NEEDED};
  }
  struct flag_reader reader = {.arena = arena,
                               .help = program,
                               .rules = rules,
                               .rule_count = count,
                               .argc = argc,
                               .argv = argv,
                               .until_operand = true};
  struct status status;
  while (flag_read(&reader, &status)) {
    const char *name = arena_printf(arena, "--%s", rules[reader.rule].name);
    origins[reader.rule] = (struct origin){.name = name, .value = reader.value};
  }
  if (!status_is_ok(status) || reader.next >= argc) return status;
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "\"%s\" is not a flag; see %s --help",
                      value_shown(arena, argv[reader.next]), program);
}

static bool is_among(int argc, char **argv, const char *flag) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], flag) == 0) return true;
  }
  return false;
}

/* ---- help ------------------------------------------------------------------------------------------------------- */

static const char *allowed_of(struct arena *arena, const struct setting *setting) {
  switch (setting->kind) {
    case SETTING_INTEGER:
      return arena_printf(arena, "%" PRId64 " to %" PRId64, setting->min, setting->max);
    case SETTING_BOOLEAN:
      return "true or false";
    case SETTING_CHOICE:
      return words_list(arena, setting->choices);
    case SETTING_SECRET:
    case SETTING_TEXT:
      break;
  }
  return NULL;
}

static const char *fallback_of(struct arena *arena, const struct setting *setting) {
  if (!setting->fallback) return may_be_unset(setting) ? "not set" : "required";
  return arena_printf(arena, "default %s", setting->fallback[0] ? setting->fallback : "empty");
}

static void print_setting(struct arena *arena, const char *prefix, const struct setting *setting) {
  const char *allowed = allowed_of(arena, setting);
  const char *unit = setting->unit ? setting->unit : NULL;
  printf("  --%s VALUE   (%s)\n", flag_of(arena, prefix, setting), setting->variable);
  printf("      %s\n      ", setting->help);
  if (allowed) printf("%s%s%s; ", allowed, unit ? " " : "", unit ? unit : "");
  printf("%s%s%s\n", fallback_of(arena, setting), unit && setting->fallback ? " " : "",
         unit && setting->fallback ? unit : "");
}

static void print_help(struct arena *arena, const char *prefix, const char *program, const char *purpose,
                       const struct setting *settings, size_t count) {
  printf("Usage: %s [--FLAG VALUE | --FLAG=VALUE]...\n\n%s\n\n", program, purpose);
  printf("Each flag can also be set by the environment variable behind it; the flag wins.\n\n");
  for (size_t i = 0; i < count; i++) print_setting(arena, prefix, &settings[i]);
  printf("  --help\n      Prints this.\n");
  printf("  --version\n      Prints the program's version.\n");
  fflush(stdout);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

/* An empty value counts as unset. */
static struct origin origin_of(const struct setting *setting, struct origin flag) {
  struct origin origin = {.name = setting->variable, .value = getenv(setting->variable)};
  if (flag.value) origin = flag;
  if (!origin.value || !*origin.value) origin.value = setting->fallback;
  return origin;
}

struct status config_read(struct arena *arena, const char *prefix, const char *program, const char *purpose,
                          const struct setting *settings, size_t count, int argc, char **argv,
                          enum config_outcome *ret_outcome) {
  if (is_among(argc, argv, "--help") || is_among(argc, argv, "-h")) {
    print_help(arena, prefix, program, purpose, settings, count);
    *ret_outcome = CONFIG_HELP;
    return status_ok();
  }
  if (is_among(argc, argv, "--version")) {
    *ret_outcome = CONFIG_VERSION;
    return status_ok();
  }
  struct origin *origins = arena_calloc(arena, count, sizeof(*origins));
  struct status status = read_flags(arena, prefix, program, settings, count, argc, argv, origins);
  for (size_t i = 0; i < count && status_is_ok(status); i++) {
    status = set_value(arena, &settings[i], origin_of(&settings[i], origins[i]));
  }
  if (status_is_ok(status)) *ret_outcome = CONFIG_RUN;
  return status;
}

static bool is_setting(const struct setting *settings, size_t count, const char *variable) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(settings[i].variable, variable) == 0) return true;
  }
  return false;
}

static bool matches_any(const char *const *patterns, const char *variable) {
  for (; patterns && *patterns; patterns++) {
    if (fnmatch(*patterns, variable, 0) == 0) return true;
  }
  return false;
}

void config_warn_of_unknown(const char *prefix, const struct setting *settings, size_t count,
                            const char *const *known) {
  struct arena *arena = arena_new();
  for (char **entry = environ; *entry; entry++) {
    if (!has_prefix(*entry, prefix)) continue;
    const char *variable = arena_memdup(arena, *entry, strcspn(*entry, "="));
    if (is_setting(settings, count, variable) || matches_any(known, variable)) continue;
    log_event(LOG_WARN, "unknown environment variable", "variable", variable, NULL);
  }
  arena_free(arena);
}

/* ---- secrets ---------------------------------------------------------------------------------------------------- */

/* Returns NULL, or why it can't be read. */
static const char *read_first_line(struct arena *arena, const char *path, const char **ret_line) {
  FILE *file = fopen(path, "re");
  if (!file) return strerror(errno);
  char *bytes = arena_alloc(arena, SECRET_MAX + 2);
  size_t size = fread(bytes, 1, SECRET_MAX + 1, file);
  int error = ferror(file) ? errno : 0;
  fclose(file);
  if (error != 0) return strerror(error);
  char *end = memchr(bytes, '\n', size);
  size_t length = end ? (size_t)(end - bytes) : size;
  if (length > 0 && bytes[length - 1] == '\r') length--;
  if (length == 0) return "its first line is empty";
  if (length > SECRET_MAX) return "its first line is longer than 4096 bytes";
  if (memchr(bytes, '\0', length)) return "its first line contains a NUL";
  bytes[length] = '\0';
  *ret_line = bytes;
  return NULL;
}

struct status config_read_secret(struct arena *arena, const char *name, const char *path, const char **ret_secret) {
  const char *wrong = read_first_line(arena, path, ret_secret);
  return wrong ? refuse(arena, name, arena_printf(arena, "%s: %s", path, wrong)) : status_ok();
}

const char *config_check_listen(const char *value) {
  const char *allowed = "an address and a port as in 127.0.0.1:50051 or [::]:50051";
  const char *colon = strrchr(value, ':');
  if (!colon || colon == value) return allowed;
  bool bracketed = *value == '[' && colon[-1] == ']';
  if (!bracketed && memchr(value, ':', (size_t)(colon - value))) return allowed;
  size_t digits = strspn(colon + 1, "0123456789");
  if (digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535) return allowed;
  return NULL;
}

const char *config_check_word(const char *value) {
  for (const char *c = value; *c; c++) {
    if (!isgraph((unsigned char)*c)) return "printable ASCII without spaces";
  }
  return strlen(value) <= 64 ? NULL : "at most 64 characters";
}
