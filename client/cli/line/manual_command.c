/* SPDX-License-Identifier: Apache-2.0 */
/* `__manual`: ordershop.1, from the command table. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "client/cli/commands/commands.h"
#include "client/cli/line/help_text.h"

/* Text with what troff would take for itself made plain. */
static void put(const char *text) {
  bool at_begin = true;
  for (; *text; text++) {
    if (at_begin && (*text == '.' || *text == '\'')) fputs("\\&", stdout);
    if (*text == '\\') {
      fputs("\\e", stdout);
    } else if (*text == '-') {
      fputs("\\-", stdout);
    } else if (*text == '\'') {
      fputs("\\(aq", stdout);
    } else if (*text == '^' || *text == '~') {
      fputs(*text == '^' ? "\\(ha" : "\\(ti", stdout);
    } else {
      putchar(*text);
    }
    at_begin = *text == '\n';
  }
}

static void put_paragraph(const char *text) {
  fputs(".PP\n", stdout);
  put(text);
  putchar('\n');
}

static void put_entry(const char *head, const char *text) {
  fputs(".TP\n.B ", stdout);
  put(head);
  putchar('\n');
  put(text);
  putchar('\n');
}

static void put_flags(struct arena *arena, const struct flag *flags) {
  for (; flags && flags->name; flags++) {
    put_entry(help_flag_head(arena, flags),
              arena_printf(arena, "%s%s.", flags->help, flags->required ? " (required)" : ""));
  }
}

static void put_examples(struct arena *arena, const char *const *examples) {
  if (!examples) return;
  fputs(".EX\n", stdout);
  for (; *examples; examples++) {
    put(help_example(arena, *examples));
    putchar('\n');
  }
  fputs(".EE\n", stdout);
}

/* ---- sections --------------------------------------------------------------------------------------------------- */

static void put_verb(struct arena *arena, const struct noun *noun, const struct verb *verb) {
  fputs(".SS ", stdout);
  put(arena_printf(arena, "ordershop %s", help_usage(arena, noun, verb)));
  printf("\n%s.\n", verb->help);
  if (verb->details) put_paragraph(verb->details);
  put_flags(arena, verb->flags);
  put_flags(arena, verb->shared);
  if (verb->examples) fputs(".PP\n", stdout);
  put_examples(arena, verb->examples);
}

static void put_noun(struct arena *arena, const struct noun *noun) {
  for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) put_verb(arena, noun, verb);
  if (noun->verbs) return;
  fputs(".SS ", stdout);
  put(arena_printf(arena, "ordershop %s", help_usage(arena, noun, NULL)));
  printf("\n%s.\n", noun->help);
  if (noun->details) put_paragraph(noun->details);
  put_flags(arena, noun->flags);
  if (noun->examples) fputs(".PP\n", stdout);
  put_examples(arena, noun->examples);
}

static const struct help_entry files[] = {
    {"ORDERSHOP_TLS_CA_FILE, ORDERSHOP_TLS_CERTIFICATE_FILE, ORDERSHOP_TLS_KEY_FILE",
     "Whom to trust, and one's own identity, in PEM: with none of them, services are called in plain text."},
    {"/usr/share/ordershop/proto", "The contract, for clients in other languages."},
    {NULL, NULL},
};

static const struct help_entry environment[] = {
    {"ORDERSHOP_HOST, ORDERSHOP_PORT_BASE, ORDERSHOP_CUSTOMER_ADDRESS ... ORDERSHOP_MAIL_ADDRESS",
     "Where the services are. Every setting is a flag too, which wins: ORDERSHOP_PORT_BASE is --port-base."},
    {"ORDERSHOP_USE_PROXY",
     "yes: call through the HTTP proxy that grpc_proxy, https_proxy or http_proxy names, but for the hosts in "
     "no_proxy. By default those are not for the shop."},
    {"NO_COLOR, TERM", "Colours come on a terminal only, and not with NO_COLOR set to anything or TERM=dumb."},
    {"COLUMNS, LINES", "The size of the terminal, where it does not tell."},
    {NULL, NULL},
};

static void put_section(const char *title, const struct help_entry *entries) {
  printf(".SH %s\n", title);
  for (; entries->head; entries++) put_entry(entries->head, entries->text);
}

static void put_begin(void) {
  fputs(".TH ORDERSHOP 1 \"\" \"OrderShop ", stdout);
  put(runtime_version);
  fputs(
      "\" \"User Commands\"\n.SH NAME\nordershop \\- the shop from the command line\n"
      ".SH SYNOPSIS\n.B ordershop\n.I COMMAND\n.RI [ VERB ]\n.RI [ ID \" ...]\"\n.RI [ FLAG \" ...]\"\n"
      ".SH DESCRIPTION\n",
      stdout);
  put("Customers, products, stock, orders and billings are managed by nouns and verbs. Answers are records and tables "
      "for people, fitted to the terminal; with --json they are for programs, one document, or a line for each item of "
      "a list.\n");
  put_paragraph(
      "Commands are carried out once: each call has a request id, with which it is tried again after an "
      "outage. What one command has done, the next one sees.");
}

static const struct verb *first_with_lines(void) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    for (const struct verb *verb = (*at)->verbs; verb && verb->name; verb++) {
      if (help_takes_lines(verb)) return verb;
    }
  }
  return NULL;
}

int command_manual(struct session *session) {
  struct arena *arena = session->arena;
  put_begin();
  fputs(".SH COMMANDS\n", stdout);
  for (const struct noun *const *at = command_nouns; *at; at++) {
    if (!(*at)->hidden) put_noun(arena, *at);
  }
  fputs(".SH SEVERAL AT ONCE\n", stdout);
  put(help_of_lines(arena, first_with_lines()));
  putchar('\n');
  fputs(".SH FLAGS OF ALL COMMANDS\n", stdout);
  put_flags(arena, command_global_flags);
  put_entry("--version", "Say which version this is.");
  put_section("EXIT STATUS", help_exits);
  put_section("ENVIRONMENT", environment);
  put_section("FILES", files);
  fputs(".SH EXAMPLES", stdout);
  putchar('\n');
  put_examples(arena, help_examples);
  fputs(".SH SEE ALSO\n.BR ordershop\\-load (1)\n.SH COPYRIGHT\n", stdout);
  put("Copyright 2026 the OrderShop authors. OrderShop is under the Apache License, version 2.0, and comes without any "
      "warranty.\n");
  return EXIT_DONE;
}
