/* SPDX-License-Identifier: Apache-2.0 */
/* Describes what the command line knows, its nouns and their verbs and flags, as literals (command_table.c and
 * <noun>_commands.c). Help, completion and the manual page are made from them, so that none of them can be stale. */
#pragma once

#include <stdbool.h>

#include "client/ordershop_client.h"

enum flag_kind {
  FLAG_TEXT,    /* sets a text field, or adds to a repeated one */
  FLAG_INTEGER, /* sets a number */
  FLAG_MONEY,   /* 12.34; sets a number of cents */
  FLAG_METHOD,  /* a switch: `field` names the method that is called instead */
  FLAG_ALL,     /* a switch: read all pages */
  FLAG_FROM,    /* a file of JSON lines instead of one item */
  FLAG_WATCH,   /* again every so many seconds; its value may be left out */
  FLAG_OWN,     /* of a command with its own `run`, which looks for it by invocation_value */
  FLAG_SETTING, /* where the shop is; read by config_read */
  FLAG_SECONDS, /* --timeout */
  FLAG_COLOR,
  FLAG_JSON,
  FLAG_QUIET, /* nothing but ids */
  FLAG_HELP,
};

struct flag {
  const char *name;  /* without its dashes; NULL ends a list */
  const char *value; /* placeholder of its value, for help; NULL means a switch */
  enum flag_kind kind;
  const char *field; /* of the request, or else of the resource that it carries */
  const char *help;
  bool required;
  const char *ids_of;         /* noun whose ids its values are, for completion; NULL if there is none */
  const char *const *choices; /* all values that it may have, for completion; ends with NULL; NULL means any */
};

struct session;

/* What is shown of answers. */
struct view {
  const char *const *columns; /* fields in lists */
  const char *const *record;  /* fields when one is shown; NULL means all */
};

struct verb {
  const char *name; /* NULL ends a list */
  const char *method;
  const char *batch; /* method that does the same for many at once; NULL if there is none */
  const char *done;  /* "created"; NULL if it changes nothing */
  const char *help;
  const char *details; /* a paragraph more for the help; NULL if there is none */
  const char *operand; /* placeholder: "ID"; NULL if there is none */
  const char *operand_field;
  const char *operand_ids_of;   /* like a flag's ids_of */
  bool operands_many;           /* or several different ones, if `operand` has several words */
  bool operands_optional;       /* none is needed */
  const struct flag *flags;     /* may be NULL */
  const struct flag *shared;    /* more of them, those that all verbs of this kind have; may be NULL */
  const char *const *examples;  /* without the leading "ordershop"; ends with NULL; NULL if there is none */
  int (*run)(struct session *); /* instead of calling `method`; returns the exit status */
};

struct noun {
  const char *name;
  const char *alias;
  const char *plural; /* for "no customers" */
  const char *help;
  const char *details; /* as a verb's */
  enum ordershop_service service;
  const struct verb *verbs; /* ends with an empty one; NULL means a command without verbs */
  struct view view;
  bool hidden;  /* from help and completion */
  bool offline; /* its command needs no shop: no client is opened */
  /* Of a command without verbs: */
  const char *operands;             /* NULL if there is none */
  const char *const *operand_words; /* all that there are, for completion; ends with NULL; NULL means unknown */
  const struct flag *flags;
  const char *const *examples;
  int (*run)(struct session *); /* returns the exit status */
};

#define COLUMNS_MAX 8 /* fields in a list */

extern const struct noun *const command_nouns[]; /* ends with NULL */
extern const struct flag command_global_flags[];

/* Return the noun of that name or alias, and the verb of that name, or NULL if there is none. */
const struct noun *command_noun(const char *name);
const struct verb *command_verb(const struct noun *noun, const char *name);

/* The exit statuses are the same in all programs. A program that Ctrl-C ends dies of SIGINT, which a shell calls 130.
 */
enum {
  EXIT_DONE = 0,
  EXIT_REFUSED = 1, /* by the service; health, status: not all serve; demo: something did not hold */
  EXIT_USAGE = 2,
  EXIT_UNAVAILABLE = 3, /* or no answer in time */
};
