/* SPDX-License-Identifier: Apache-2.0 */
/* The nouns of the command line in the order of its help, and the flags that several of them have. */
#include <string.h>

#include "client/cli/commands/commands.h"
#include "client/cli/line/command_parts.h"

#define ELSEWHERE(NAME, service, distance)                                     \
  {                                                                            \
    .name = #service "-address", .value = "ADDRESS", .kind = FLAG_SETTING,     \
    .help = "The " #service " service elsewhere (ORDERSHOP_" #NAME "_ADDRESS)" \
  }

static const char *const color_words[] = {"auto", "always", "never", NULL};

const struct flag command_global_flags[] = {
    {.name = "help", .kind = FLAG_HELP, .help = "Say what there is"},
    {.name = "json",
     .kind = FLAG_JSON,
     .help = "Answer as JSON (protobuf's mapping), lists a line an item; errors too, on standard error"},
    {.name = "quiet", .kind = FLAG_QUIET, .help = "Print nothing but ids, a line each; for scripts"},
    {.name = "color",
     .value = "WHEN",
     .kind = FLAG_COLOR,
     .help = "auto (on a terminal, unless NO_COLOR is set or TERM is dumb), always or never",
     .choices = color_words},
    {.name = "timeout",
     .value = "SECONDS",
     .kind = FLAG_SECONDS,
     .help = "End a call after this time (10); health, demo: wait this long"},
    {.name = "request-id",
     .value = "UUID",
     .field = "request_id",
     .help = "Repeat a command safely: the same id changes nothing twice"},
    {.name = "host",
     .value = "HOST",
     .kind = FLAG_SETTING,
     .help = "Where the services are (ORDERSHOP_HOST; 127.0.0.1)"},
    {.name = "port-base",
     .value = "PORT",
     .kind = FLAG_SETTING,
     .help = "Services listen on PORT + 1 and so on (ORDERSHOP_PORT_BASE; 50050)"},
    ORDERSHOP_SERVICES(ELSEWHERE),
    {.name = "tls-ca-file",
     .value = "FILE",
     .kind = FLAG_SETTING,
     .help = "Call over TLS; PEM file of the CA to trust (ORDERSHOP_TLS_CA_FILE)"},
    {.name = "tls-certificate-file",
     .value = "FILE",
     .kind = FLAG_SETTING,
     .help = "PEM file of your certificate, where services ask for one (ORDERSHOP_TLS_CERTIFICATE_FILE)"},
    {.name = "tls-key-file",
     .value = "FILE",
     .kind = FLAG_SETTING,
     .help = "PEM file of its key (ORDERSHOP_TLS_KEY_FILE)"},
    {.name = "use-proxy",
     .value = "WHETHER",
     .kind = FLAG_SETTING,
     .help = "yes: through the HTTP proxy that the environment names (ORDERSHOP_USE_PROXY; no)"},
    {0},
};

/* ---- flags of several verbs ------------------------------------------------------------------------------------- */

#define WATCH                                                                               \
  {                                                                                         \
    .name = "watch", .value = "SECONDS", .kind = FLAG_WATCH,                                \
    .help = "Show it again every so many seconds (2), until Ctrl-C; in place on a terminal" \
  }
#define FROM                                                                         \
  {                                                                                  \
    .name = "from", .value = "FILE", .kind = FLAG_FROM,                              \
    .help = "Several at once: JSON lines from a file, or from standard input with -" \
  }

const struct flag list_flags[] = {
    {.name = "page-size", .value = "N", .kind = FLAG_INTEGER, .field = "page_size", .help = "At most so many (50)"},
    {.name = "page-token", .value = "TOKEN", .field = "page_token", .help = "The page that the one before named"},
    {.name = "all", .kind = FLAG_ALL, .help = "All pages"},
    WATCH,
    {0},
};

const struct flag get_flags[] = {WATCH, {0}};

const struct flag create_flags[] = {FROM, {0}};

const struct flag change_flags[] = {
    {.name = "version", .value = "N", .kind = FLAG_INTEGER, .field = "version", .help = "Only if it has this version"},
    FROM,
    {0},
};

/* ---- nouns ------------------------------------------------------------------------------------------------------ */

#define WORD(NAME, name, distance) #name

const char *const service_words[] = {ORDERSHOP_SERVICES(WORD), NULL};

static const struct noun health_commands = {
    .name = "health",
    .help = "Say which services serve; with --timeout, wait until they do",
    .operands = "[SERVICE ...]",
    .operand_words = service_words,
    .examples = (const char *const[]){"health", "health order billing --timeout 30", NULL},
    .run = command_health,
};

static const char *const shell_words[] = {"bash", "zsh", "fish", NULL};

static const struct noun completion_commands = {
    .name = "completion",
    .help = "Print what makes a shell complete commands, flags, ids and names",
    .details =
        "Ids are completed from the shop, and found by the beginning of a name too. A shop that does not "
        "answer within half a second completes nothing. The Debian package installs all of this.",
    .operands = "bash|zsh|fish",
    .operand_words = shell_words,
    .offline = true,
    .examples = (const char *const[]){"completion bash > ~/.local/share/bash-completion/completions/ordershop",
                                      "completion zsh > \"${fpath[1]}/_ordershop\"",
                                      "completion fish > ~/.config/fish/completions/ordershop.fish", NULL},
    .run = command_completion,
};

/* What the shell's completion asks: the words of the line so far. */
static const struct noun complete_commands = {.name = "__complete",
                                              .help = "Complete a line",
                                              .operands = "WORD ...",
                                              .hidden = true,
                                              .offline = true,
                                              .run = command_complete};

/* What the build asks, for ordershop.1. */
static const struct noun manual_commands = {
    .name = "__manual", .help = "Print the manual page", .hidden = true, .offline = true, .run = command_manual};

static const struct noun help_commands = {
    .name = "help",
    .help = "Say what there is, or how a command is used",
    .operands = "[COMMAND [VERB]]",
    .offline = true,
    .examples = (const char *const[]){"help order", "help order create", NULL},
    .run = command_help_about,
};

static const struct noun demo_commands = {
    .name = "demo",
    .help = "Play the nine cases of the reference architecture and tell what happens",
    .examples = (const char *const[]){"demo", "demo --json | jq .allHeld", NULL},
    .run = command_demo,
};

const struct noun *const command_nouns[] = {
    &customer_commands,
    &product_commands,
    &inventory_commands,
    &order_commands,
    &billing_commands,
    &crm_commands,
    &mail_commands,
    &events_commands,
    &dead_letter_commands,
    &log_commands,
    &view_commands,
    &audit_commands,
    &archive_commands,
    &status_commands,
    &health_commands,
    &demo_commands,
    &load_commands,
    &new_commands,
    &completion_commands,
    &help_commands,
    &complete_commands,
    &manual_commands,
    NULL,
};

const struct noun *command_noun(const char *name) {
  for (const struct noun *const *at = command_nouns; *at; at++) {
    if (strcmp((*at)->name, name) == 0 || ((*at)->alias && strcmp((*at)->alias, name) == 0)) return *at;
  }
  return NULL;
}

const struct verb *command_verb(const struct noun *noun, const char *name) {
  for (const struct verb *verb = noun->verbs; verb && verb->name; verb++) {
    if (strcmp(verb->name, name) == 0) return verb;
  }
  return NULL;
}
