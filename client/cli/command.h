/* What the command line knows: its nouns, their verbs and flags, as literals (command_table.c). */
#pragma once

#include <stdbool.h>

#include "client/ordershop_client.h"

enum flag_kind {
  FLAG_TEXT,    /* sets a text field, or adds to a repeated one */
  FLAG_INTEGER, /* sets a number */
  FLAG_MONEY,   /* 12.34; sets a number of cents */
  FLAG_METHOD,  /* a switch: `field` names the method that is called instead */
  FLAG_ALL,     /* a switch: read all pages */
  FLAG_SETTING, /* where the shop is; read by config_read */
  FLAG_SECONDS, /* --timeout */
  FLAG_JSON,
  FLAG_HELP,
};

struct flag {
  const char *name;  /* without its dashes; NULL ends a list */
  const char *value; /* placeholder of its value, for help; NULL: a switch */
  enum flag_kind kind;
  const char *field; /* of the request, or else of the resource that it carries */
  const char *help;
  bool required;
};

struct verb {
  const char *name; /* NULL ends a list */
  const char *method;
  const char *help;
  const char *operand; /* placeholder: "ID"; NULL: none */
  const char *operand_field;
  const struct flag *flags;  /* may be NULL */
  const struct flag *shared; /* more of them, those that all verbs of this kind have; may be NULL */
};

struct invocation;
struct session;

struct noun {
  const char *name; /* NULL ends the list */
  const char *alias;
  const char *plural; /* for "no customers" */
  const char *help;
  enum ordershop_service service;
  const struct verb *verbs;     /* ends with an empty one; NULL: a command without verbs */
  const char *const *columns;   /* fields in lists */
  const char *const *record;    /* fields when one is shown; NULL: all */
  const char *operands;         /* of a command without verbs; NULL: none */
  int (*run)(struct session *); /* of a command without verbs; returns the exit status */
};

#define COLUMNS_MOST 8 /* fields in a list */

extern const struct noun command_nouns[];
extern const struct flag command_global_flags[];

/* Exit statuses. */
enum {
  EXIT_DONE = 0,
  EXIT_REFUSED = 1, /* by the service; health: not all serve; demo: something did not hold */
  EXIT_USAGE = 2,
  EXIT_UNAVAILABLE = 3, /* or no answer in time */
};
