/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop new service`: a script makes the skeleton; it lies beside this program, where either is built or
 * installed.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/line/session.h"
#include "client/client_reasons.h"

static const char script_name[] = "ordershop-new-service";

/* Beside this program, or else on the PATH. */
static const char *script_path(struct arena *arena) {
  char self[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (size <= 0) return script_name;
  self[size] = '\0';
  char *slash = strrchr(self, '/');
  if (!slash) return script_name;
  const char *beside = arena_printf(arena, "%.*s/%s", (int)(slash - self), self, script_name);
  return access(beside, X_OK) == 0 ? beside : script_name;
}

/* The script's own line: its flags have the names of ours. */
static char **script_arguments(struct arena *arena, const struct invocation *invocation) {
  static const char *const flags[] = {"port", "folder", "brand"};
  char **arguments = arena_calloc(arena, 9, sizeof(*arguments)), **end = arguments;
  *end++ = arena_strdup(arena, script_name);
  *end++ = invocation->operands[0];
  for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
    const char *value = invocation_value(invocation, flags[i]);
    if (!value) continue;
    *end++ = arena_printf(arena, "--%s", flags[i]);
    *end++ = arena_strdup(arena, value);
  }
  return arguments;
}

static int run_new_service(struct session *session) {
  struct arena *arena = session->arena;
  char **arguments = script_arguments(arena, session->invocation);
  interrupt_hand_over();
  execvp(script_path(arena), arguments);
  const char *hint = errno == ENOENT ? "; it comes with the Debian package libordershop-dev" : "";
  struct status status =
      status_error(arena, STATUS_FAILED_PRECONDITION, reason_script_missing,
                   "%s, which makes services, can't be run (%s)%s", script_name, strerror(errno), hint);
  return failure_of_call(session->invocation->json, status, NULL);
}

static const struct flag service_flags[] = {
    {.name = "port",
     .value = "PORT",
     .kind = FLAG_OWN,
     .help = "Where it listens by default (the first free one from 50059 on)"},
    {.name = "folder",
     .value = "FOLDER",
     .kind = FLAG_OWN,
     .help = "Where it is made, outside the source tree (NAME, unless this is the program of a source tree)"},
    {.name = "brand",
     .value = "BRAND",
     .kind = FLAG_OWN,
     .help = "Outside the source tree: the product that it belongs to, whose names it has in place of the shop's"},
    {0},
};

static const struct verb verbs[] = {
    {.name = "service",
     .help = "Make the skeleton of a service: contract, entity, handler of events, view and test",
     .details = "As built in a source tree, it makes the service there, where the list of services then has it; as "
                "installed, in a folder of its own, to be built on the library. NAME has small letters and digits. "
                "docs/own_service.md goes on from there.",
     .operand = "NAME",
     .flags = service_flags,
     .examples = (const char *const[]){"new service note", "new service note --folder ~/note --brand coupon", NULL},
     .run = run_new_service},
    {0},
};

const struct noun new_commands = {
    .name = "new",
    .help = "Begin something of your own",
    .verbs = verbs,
    .offline = true,
};
