/* SPDX-License-Identifier: Apache-2.0 */
/* From the arguments, taken apart, to the command that they mean. */
#include "client/cli/commands/commands.h"
#include "client/cli/line/failure.h"
#include "client/cli/output/watch.h"

int command_run(struct arena *arena, const struct invocation *invocation) {
  struct session session = {.arena = arena, .invocation = invocation};
  const struct noun *noun = invocation->noun;
  int (*show)(struct session *) = command_resource;
  if (invocation->help) return command_help(arena, invocation);
  if (invocation->verb && invocation->verb->run) show = invocation->verb->run;
  if (noun->run) show = noun->run;
  if (noun->offline) return show(&session);
  struct status status = session_open(arena, invocation, &session);
  if (!status_is_ok(status)) return failure_of_usage(invocation->json, status);
  int exit_status = invocation->watch_ms > 0 ? session_watch(&session, show) : show(&session);
  session_close(&session);
  return exit_status;
}
