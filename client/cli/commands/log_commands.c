/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop log`: what services know of the log, what they miss there, and the word that it is lost. */
#include <stdio.h>

#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/log_show.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "client/log_client.h"

static struct status call(struct session *session, enum ordershop_service service, const char *method,
                          const void *request, const void **ret_response) {
  const struct context context = {.arena = session->arena};
  struct ordershop_answer answer = ordershop_call_log(session->client, &context, service, method, request);
  *ret_response = answer.message;
  return answer.status;
}

/* ---- status ----------------------------------------------------------------------------------------------------- */

struct statuses {
  const Ordershop__V1__LogStatus **rows;
  size_t count, losses;
  int exit_status; /* of a service that doesn't answer; EXIT_DONE if all do */
};

static void show(struct session *session, const struct statuses *statuses) {
  if (session->invocation->json) {
    for (size_t i = 0; i < statuses->count; i++) show_json_line(statuses->rows[i]);
    return;
  }
  log_show_table(session->arena, statuses->rows, statuses->count);
  if (session->invocation->operand_count == 0) return;
  for (size_t i = 0; i < statuses->count; i++) log_show_details(session->arena, statuses->rows[i]);
}

/* Those that were named, or all; of all, those that only tell the log have none to tell of. */
static int run_status(struct session *session) {
  const struct invocation *invocation = session->invocation;
  size_t named = invocation->operand_count;
  size_t count = named > 0 ? named : ordershop_client_service_count(session->client);
  struct statuses statuses = {.rows = arena_calloc(session->arena, count, sizeof(*statuses.rows))};
  Ordershop__V1__GetLogStatusRequest request = ORDERSHOP__V1__GET_LOG_STATUS_REQUEST__INIT;
  for (size_t i = 0; i < count; i++) {
    enum ordershop_service service = (enum ordershop_service)i;
    struct status status = status_ok();
    const void *response = NULL;
    if (named > 0) status = session_find_service(session, invocation->operands[i], &service);
    if (status_is_ok(status)) status = call(session, service, "GetLogStatus", &request, &response);
    if (status_is_ok(status)) statuses.rows[statuses.count++] = response;
    if (status_is_ok(status)) statuses.losses += log_show_losses(response);
    bool tells_only = named == 0 && status.code == STATUS_UNIMPLEMENTED;
    if (!status_is_ok(status) && !tells_only) statuses.exit_status = failure_of_usage_or_call(session, status);
  }
  show(session, &statuses);
  if (statuses.exit_status != EXIT_DONE) return statuses.exit_status;
  return statuses.losses > 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* ---- accept ----------------------------------------------------------------------------------------------------- */

static struct status build_accept(struct session *session, Ordershop__V1__AcceptLogLossRequest *request,
                                  enum ordershop_service *ret_service) {
  const struct invocation *invocation = session->invocation;
  const char *log = invocation_value(invocation, "log"), *reason = invocation_value(invocation, "reason");
  if (invocation->operand_count != 2) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "log accept: needs a service, and what it misses by the name that `log status` tells");
  }
  request->etag = invocation->operands[1];
  if (log) request->log = (char *)log;
  if (reason) request->reason = (char *)reason;
  request->operator_name = session_operator_name(session);
  return session_find_service(session, invocation->operands[0], ret_service);
}

static int run_accept(struct session *session) {
  Ordershop__V1__AcceptLogLossRequest request = ORDERSHOP__V1__ACCEPT_LOG_LOSS_REQUEST__INIT;
  enum ordershop_service service = 0;
  const void *response = NULL;
  struct status status = build_accept(session, &request, &service);
  if (status_is_ok(status)) status = call(session, service, "AcceptLogLoss", &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  const Ordershop__V1__AcceptLogLossResponse *outcome = response;
  if (session->invocation->json) {
    show_json(outcome);
    return EXIT_DONE;
  }
  printf("%s goes on without what is lost:\n", ordershop_client_service_name(session->client, service));
  for (size_t i = 0; i < outcome->n_accepted; i++) {
    printf("  %s\n", terminal_line(session->arena, outcome->accepted[i]->description));
  }
  return EXIT_DONE;
}

/* ---- the noun --------------------------------------------------------------------------------------------------- */

static const struct flag accept_flags[] = {
    {.name = "log", .value = "NAME", .kind = FLAG_OWN, .help = "Of the log of this name (the shop's)"},
    {.name = "reason", .value = "TEXT", .kind = FLAG_OWN, .help = "Why, for the record"},
    BY_FLAG,
    {0},
};

static const struct verb verbs[] = {
    {.name = "status",
     .help = "Say how far the log reaches, how far services have seen and applied it, and what they miss there",
     .details =
         "SEEN is how far the process that answers has seen the log, APPLIED how far the service has dealt with its "
         "events. A service that misses something waits until it is there again, or lost by your word (`log accept`). "
         "Of services that are named, streams and what was accepted are told, too. Exit status: 0 nothing is missing; "
         "1 "
         "something is; 3 a service doesn't answer.",
     .operand = "[SERVICE ...]",
     .operands_many = true,
     .operands_optional = true,
     .examples =
         (const char *const[]){
             "log status", "log status crm",
             "log status --json | jq -r '.service as $s | .logs[] | select(.etag) | \"\\($s) \\(.etag)\"'", NULL},
     .run = run_status},
    {.name = "accept",
     .help = "Accept that the log lacks what a service misses: the service goes on without it",
     .details = "ETAG names exactly what `log status` has shown; if something else is missing meanwhile, nothing is "
                "accepted. What is still there is handled all the same. It is recorded who did it, and when.",
     .operand = "SERVICE ETAG",
     .operands_many = true,
     .flags = accept_flags,
     .examples = (const char *const[]){"log accept crm 8ad25efb-cd80-5d6c-99ec-41787db99c82 --by ada "
                                       "--reason \"restored the backup of 3 o'clock\"",
                                       NULL},
     .run = run_accept},
    {0},
};

const struct noun log_commands = {
    .name = "log",
    .help = "What services know of the log, and what they miss there after a restore or failover",
    .verbs = verbs,
};
