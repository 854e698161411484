/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop view`: whether what services know of each other's entities is what the events say, and how it becomes so
 * again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/progress_bar.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "client/cli/output/view_show.h"
#include "client/view_client.h"

enum {
  POLL_US = 200000,
  SILENCE_US = 60000000, /* so long a service may give no answer, such as while it is restarted */
};

static struct status call(struct session *session, enum ordershop_service service, const char *method,
                          const void *request, const Ordershop__V1__ViewRebuild **ret_rebuild) {
  const struct context context = {.arena = session->arena};
  struct ordershop_answer answer = ordershop_call_views(session->client, &context, service, method, request);
  *ret_rebuild = answer.message;
  return answer.status;
}

static struct status read_rebuild(struct session *session, enum ordershop_service service,
                                  const Ordershop__V1__ViewRebuild **ret_rebuild) {
  static const Ordershop__V1__GetViewRebuildRequest request = ORDERSHOP__V1__GET_VIEW_REBUILD_REQUEST__INIT;
  return call(session, service, "GetViewRebuild", &request, ret_rebuild);
}

/* ---- status ----------------------------------------------------------------------------------------------------- */

static void show_status(struct session *session, const Ordershop__V1__ViewRebuild *rebuild) {
  static const char *const fields[] = {"operator_name", "reason", "create_time", "end_time", NULL};
  printf("views of %s:", terminal_line(session->arena, rebuild->service));
  for (size_t i = 0; i < rebuild->n_views; i++) printf(" %s", terminal_line(session->arena, rebuild->views[i]));
  printf("\n");
  if (!*rebuild->id) return;
  view_show_rebuild(session->arena, rebuild);
  show_record(session->arena, rebuild, fields);
}

static int run_status(struct session *session) {
  enum ordershop_service service = 0;
  const Ordershop__V1__ViewRebuild *rebuild = NULL;
  struct status status = session_find_service(session, session->invocation->operands[0], &service);
  if (status_is_ok(status)) status = read_rebuild(session, service, &rebuild);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  if (session->invocation->json) {
    show_json(rebuild);
  } else {
    show_status(session, rebuild);
  }
  return EXIT_DONE;
}

/* ---- rebuild ---------------------------------------------------------------------------------------------------- */

static struct status build_start(struct session *session, Ordershop__V1__StartViewRebuildRequest *request,
                                 enum ordershop_service *ret_service) {
  const struct invocation *invocation = session->invocation;
  const char *reason = invocation_value(invocation, "reason");
  if (invocation->operand_count != 2) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "view rebuild: needs a service, and one of the views that `view status` tells");
  }
  request->view = invocation->operands[1];
  request->verify_only = invocation_value(invocation, "verify") != NULL;
  if (reason) request->reason = (char *)reason;
  request->operator_name = session_operator_name(session);
  return session_find_service(session, invocation->operands[0], ret_service);
}

static void show_progress(struct progress_bar *bar, const Ordershop__V1__ViewRebuild *rebuild) {
  int64_t read = rebuild->events_read;
  int64_t total = rebuild->events_total > read ? rebuild->events_total : read;
  progress_bar_show(bar, (uint64_t)read, (uint64_t)total, view_show_state(rebuild));
}

/* Reads how far it is until it is over. A service that gives no answer for a while goes on with it all the same. */
static struct status follow(struct session *session, enum ordershop_service service, const char *id,
                            const Ordershop__V1__ViewRebuild **ret_rebuild) {
  struct progress_bar bar = {0};
  int64_t answered_us = clock_monotonic_us();
  struct status status;
  for (;;) {
    status = read_rebuild(session, service, ret_rebuild);
    bool answered = status_is_ok(status);
    if (answered) answered_us = clock_monotonic_us();
    if (answered && (strcmp((*ret_rebuild)->id, id) != 0 || !view_show_is_open(*ret_rebuild))) break;
    if (!answered && (!status_is_transient(status) || clock_monotonic_us() - answered_us > SILENCE_US)) break;
    if (answered) show_progress(&bar, *ret_rebuild);
    usleep(POLL_US);
  }
  progress_bar_hide(&bar);
  if (!status_is_ok(status) || strcmp((*ret_rebuild)->id, id) == 0) return status;
  return status_error(session->arena, STATUS_ABORTED, NULL, "somebody has had a view rebuilt since: see `view status`");
}

static int end_of(const Ordershop__V1__ViewRebuild *rebuild) {
  if (rebuild->state != ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_DONE) return EXIT_REFUSED;
  return rebuild->verify_only && view_show_differing(rebuild) > 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int run_rebuild(struct session *session) {
  Ordershop__V1__StartViewRebuildRequest request = ORDERSHOP__V1__START_VIEW_REBUILD_REQUEST__INIT;
  enum ordershop_service service = 0;
  const Ordershop__V1__ViewRebuild *rebuild = NULL;
  struct status status = build_start(session, &request, &service);
  if (status_is_ok(status)) status = call(session, service, "StartViewRebuild", &request, &rebuild);
  if (status_is_ok(status)) status = follow(session, service, rebuild->id, &rebuild);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  if (session->invocation->json) {
    show_json(rebuild);
  } else {
    view_show_rebuild(session->arena, rebuild);
  }
  return end_of(rebuild);
}

/* ---- the noun --------------------------------------------------------------------------------------------------- */

static const struct flag rebuild_flags[] = {
    {.name = "verify", .kind = FLAG_OWN, .help = "Only compare; replace nothing"},
    {.name = "reason", .value = "TEXT", .kind = FLAG_OWN, .help = "Why, for the record"},
    BY_FLAG,
    {0},
};

static const struct verb verbs[] = {
    {.name = "status",
     .help = "Tell the views of a service, and what has come of its latest rebuild",
     .operand = "SERVICE",
     .examples = (const char *const[]){"view status crm", NULL},
     .run = run_status},
    {.name = "rebuild",
     .help = "Build a view anew from the log while the service runs, compare it with the live one, and replace that",
     .details =
         "Mails and other effects of the events are not repeated. The live view is replaced in one step, at the "
         "end; what goes wrong before leaves it as it is. The command follows what the service does, "
         "which goes on without it. It is recorded who did it, and when. Exit status: 0 the view was replaced, or, "
         "with --verify, is what the events say; 1 it differs, or could not be built; 3 the service doesn't "
         "answer.",
     .operand = "SERVICE VIEW",
     .operands_many = true,
     .flags = rebuild_flags,
     .examples = (const char *const[]){"view rebuild crm profiles --verify",
                                       "view rebuild crm profiles --by ada --reason \"totals were wrong\"", NULL},
     .run = run_rebuild},
    {0},
};

const struct noun view_commands = {
    .name = "view",
    .help = "What services know of others' entities: compare it with the log, and build it anew",
    .verbs = verbs,
};
