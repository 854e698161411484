/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration: environment variables, each of which is also a flag; the flag wins.
 *
 * COUPON_REDIS_URL is --redis-url, where COUPON_ is the prefix of the environment. A value that does not parse, or an
 * unknown flag, is an error that names it and says what is allowed. Empty means unset: a variable that is set but
 * empty, as compose files and unit files have it, counts as one that isn't there; a flag that is empty takes its
 * setting back to the default, whatever the variable says. It is used at start only, by one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

enum setting_kind {
  SETTING_TEXT,    /* target: const char * */
  SETTING_INTEGER, /* target: int64_t, within min..max */
  SETTING_BOOLEAN, /* target: bool; true false 1 0 yes no on off */
  SETTING_CHOICE,  /* target: int, the index in `choices` */
  SETTING_SECRET, /* target: const char *, the first line of the file that the value names; the default is none, NULL */
};

struct setting {
  const char *variable; /* with the prefix of the environment: COUPON_LIMIT */
  enum setting_kind kind;
  void *target;
  const char *fallback; /* default, as text; NULL if the setting is required unless kind is TEXT or SECRET (then target
                           gets NULL) */
  const char *unit;     /* "ms", "bytes" ...; NULL if there is none */
  const char *help;     /* one line */
  int64_t min, max;     /* SETTING_INTEGER */
  const char *const *choices; /* SETTING_CHOICE; ends with NULL */
  /* Further rule for SETTING_TEXT: returns what is allowed ("a URL redis://host:port/db") if the value isn't, else
   * NULL. */
  const char *(*check)(const char *value);
};

enum config_outcome { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

/* Fills all targets from flags and environment. Values live in `arena`. With --help it prints the usage, which is every
 * setting with its default and unit, to standard output, and the outcome is CONFIG_HELP. With --version the outcome is
 * CONFIG_VERSION, and the caller prints its own version. Errors: INVALID_ARGUMENT with a message for the terminal;
 * reason USAGE where an argument is not a flag or lacks its value, CONFIGURATION_INVALID where a value does not parse.
 */
struct status config_read(struct arena *arena, const char *prefix, const char *program, const char *purpose,
                          const struct setting *settings, size_t count, int argc, char **argv,
                          enum config_outcome *ret_outcome);

/* For `check` of a setting: returns NULL if `value` is an address to serve on, which is host:port with an IPv6 host in
 * brackets, else what is allowed. */
const char *config_check_listen(const char *value);

/* Likewise, if it is a word: at most 64 characters of printable ASCII. Blanks and line breaks would make keys and users
 * unreadable. */
const char *config_check_word(const char *value);

/* Logs one warning for each variable of the environment that begins with `prefix` and is neither among `settings` nor
 * matches one of `known` (shell patterns, ends with NULL): a typo would otherwise go unnoticed. */
void config_warn_of_unknown(const char *prefix, const struct setting *settings, size_t count, const char *const *known);

/* Reads the first line of a file without its line end, at most 4 KiB, as for SETTING_SECRET. Errors: INVALID_ARGUMENT;
 * the message names `name`, which is the setting's, and the file. */
struct status config_read_secret(struct arena *arena, const char *name, const char *path, const char **ret_secret);
