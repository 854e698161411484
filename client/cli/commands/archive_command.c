/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop archive`: takes old events out of Redis into the event service's archive. */
#include <google/protobuf/duration.pb-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/archive_client.h"
#include "client/cli/events/event_from.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"

enum { CALL_US = 300 * 1000 * 1000 }; /* one file takes seconds, on a busy machine more */

static struct status read_age(struct session *session, Google__Protobuf__Duration *age) {
  const char *text = invocation_value(session->invocation, "older-than");
  struct event_from ago;
  if (text && event_from_parse(text, &ago) && ago.kind == EVENT_FROM_AGO) {
    age->seconds = ago.ms / 1000;
    return status_ok();
  }
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                      "archive: --older-than needs an age such as 30d (d, h, m, s)");
}

/* ---- what is shown ---------------------------------------------------------------------------------------------- */

static void add_up(Ordershop__V1__ArchivedLog *sum, const Ordershop__V1__ArchivedLog *log) {
  int64_t archived = sum->archived_events + log->archived_events, trimmed = sum->trimmed_events + log->trimmed_events;
  *sum = *log;
  sum->archived_events = archived;
  sum->trimmed_events = trimmed;
}

static void show_log(struct arena *arena, const Ordershop__V1__ArchivedLog *log) {
  if (*log->name) printf("log of %s: ", terminal_line(arena, log->name));
  printf("%" PRId64 " events archived, %" PRId64 " of the archive's taken out of Redis; archived up to %s\n",
         log->archived_events, log->trimmed_events, terminal_line(arena, log->archived_to));
  if (!*log->held_back_by) return;
  printf("%s holds the rest back: nothing behind %s may be archived before it has dealt with the events there\n",
         terminal_line(arena, log->held_back_by), terminal_line(arena, log->limit));
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

/* Calls until there is no more; *ret_all has the sums. */
static struct status archive_all(struct session *session, const Ordershop__V1__ArchiveEventsRequest *request,
                                 Ordershop__V1__ArchiveEventsResponse *ret_all) {
  bool more = true;
  while (more) {
    const struct context context = {.arena = session->arena, .deadline_us = clock_monotonic_us() + CALL_US};
    struct ordershop_answer answer = ordershop_archive_events(session->client, &context, request);
    if (!status_is_ok(answer.status)) return answer.status;
    const Ordershop__V1__ArchiveEventsResponse *part = answer.message;
    for (size_t i = 0; i < ret_all->n_logs && i < part->n_logs; i++) add_up(ret_all->logs[i], part->logs[i]);
    if (ret_all->n_logs == 0) *ret_all = *part;
    more = part->more;
  }
  ret_all->more = false;
  return status_ok();
}

static int run(struct session *session) {
  const struct invocation *invocation = session->invocation;
  const char *reason = invocation_value(invocation, "reason");
  Google__Protobuf__Duration age = GOOGLE__PROTOBUF__DURATION__INIT;
  Ordershop__V1__ArchiveEventsRequest request = ORDERSHOP__V1__ARCHIVE_EVENTS_REQUEST__INIT;
  Ordershop__V1__ArchiveEventsResponse all = ORDERSHOP__V1__ARCHIVE_EVENTS_RESPONSE__INIT;
  struct status status = read_age(session, &age);
  if (!status_is_ok(status)) return failure_of_usage(invocation->json, status);
  request.older_than = &age;
  request.force = invocation_value(invocation, "force") != NULL;
  if (reason) request.reason = (char *)reason;
  request.operator_name = session_operator_name(session);
  status = archive_all(session, &request, &all);
  if (!status_is_ok(status)) return failure_of_call(invocation->json, status, NULL);
  if (invocation->json) show_json(&all);
  for (size_t i = 0; !invocation->json && i < all.n_logs; i++) show_log(session->arena, all.logs[i]);
  return EXIT_DONE;
}

static const struct flag flags[] = {
    {.name = "older-than",
     .value = "AGE",
     .kind = FLAG_OWN,
     .required = true,
     .help = "How old events must be, as in 30d (d, h, m, s); from 1d on, whole days (UTC) are archived"},
    {.name = "force",
     .kind = FLAG_OWN,
     .help = "Even if they are younger than ORDERSHOP_REQUEST_HOURS: a command that is repeated then fails"},
    {.name = "reason", .value = "TEXT", .kind = FLAG_OWN, .help = "Why, for the record"},
    BY_FLAG,
    {0},
};

const struct noun archive_commands = {
    .name = "archive",
    .help = "Take old events out of Redis into the archive, from which `events` and `audit` go on telling them",
    .details =
        "Only what every service has applied is archived, and nothing behind a dead letter. The event service does it "
        "(ORDERSHOP_ARCHIVE_FOLDER); it writes a file, syncs it, and only then trims. It may be ended at any moment: "
        "no "
        "event is lost or told twice, and the next run goes on. Exit status: 0 done; 1 refused; 3 the event service "
        "doesn't answer.",
    .flags = flags,
    .examples = (const char *const[]){"archive --older-than 30d --by timer", "archive --older-than 90d --json", NULL},
    .run = run,
};
