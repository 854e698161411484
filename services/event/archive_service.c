/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_service.h"

#include <google/protobuf/duration.pb-c.h>
#include <inttypes.h>
#include <ordershop/v1/archive.pb-c.h>

#include "archive.h"
#include "archive_limit.h"
#include "archive_link.h"
#include "archive_part.h"
#include "base/clock.h"
#include "base/log.h"
#include "event_log.h"
#include "event_message.h"
#include "loop/blocking.h"
#include "service/operator.h"
#include "service/service.h"
#include "shop_reasons.h"

static const int64_t SECOND_US = 1000 * 1000, DAY_S = 86400, YEARS_S = INT64_C(86400) * 366 * 100;

/* ---- the request ------------------------------------------------------------------------------------------------ */

static struct status check(const struct rpc_call *call, const Ordershop__V1__ArchiveEventsRequest *request) {
  struct violations violations = violations_of(call->context.arena);
  int64_t seconds = request->older_than ? request->older_than->seconds : 0;
  int64_t least = service_of(call)->store->request_seconds;
  if (!request->older_than) violation_add(&violations, "older_than", "is required");
  if (seconds < 0 || seconds > YEARS_S) violation_add(&violations, "older_than", "must be from 0 s to 100 years");
  if (request->older_than && seconds < least && !request->force) {
    violation_add(&violations, "older_than",
                  "must be at least %" PRId64
                  " s (ORDERSHOP_REQUEST_HOURS): a command that is repeated is answered by its "
                  "event; `force` archives all the same",
                  least);
  }
  operator_check_reason(&violations, request->reason);
  operator_check_name(&violations, call, request->operator_name);
  return violations_status(&violations);
}

/* From a day on, whole days are archived, so that there is one file for each. */
static int64_t old_enough(const Ordershop__V1__ArchiveEventsRequest *request) {
  int64_t seconds = request->older_than->seconds, day_us = DAY_S * SECOND_US;
  int64_t until = clock_wall_us() - seconds * SECOND_US;
  return seconds < DAY_S ? until : until / day_us * day_us - 1;
}

/* ---- the lock --------------------------------------------------------------------------------------------------- */

struct locking {
  struct archive *archive;
  struct arena *arena;
  struct status status;
};

static void lock(void *argument) {
  struct locking *locking = argument;
  locking->status = archive_lock(locking->archive, locking->arena);
}

/* ---- a log ------------------------------------------------------------------------------------------------------ */

struct archiving {
  struct event_log *log;
  const Ordershop__V1__ArchiveEventsRequest *request;
  const char *by;
  struct context *context;
};

static void tell(const struct archiving *archiving, const Ordershop__V1__ArchivedLog *message) {
  struct arena *arena = archiving->context->arena;
  log_event(LOG_INFO, "events were archived", "log", message->name, "archived_to", message->archived_to, "events",
            arena_printf(arena, "%" PRId64, message->archived_events), "trimmed",
            arena_printf(arena, "%" PRId64, message->trimmed_events), "by", archiving->by, "reason",
            archiving->request->reason, NULL);
}

/* Trims what an earlier run has left, archives, trims that. */
static coroutine_fn struct status archive_log(const struct archiving *archiving, size_t number, struct context *context,
                                              const struct archive_limit *limit, Ordershop__V1__ArchivedLog *message,
                                              bool *ret_more) {
  struct event_log *log = archiving->log;
  const struct archive_part_request part = {
      .log = log, .number = number, .until = limit->until, .by = archiving->by, .reason = archiving->request->reason};
  int64_t left = 0, trimmed = 0;
  size_t events = 0;
  struct status status = event_log_check_archive(log, number, context);
  if (status_is_ok(status)) status = archive_trim(log, number, context, &left);
  if (status_is_ok(status)) status = archive_part_write(&part, context, &events, ret_more);
  if (status_is_ok(status) && events > 0) status = archive_trim(log, number, context, &trimmed);
  if (!status_is_ok(status)) return status;
  const char *name = event_log_places(log)->stores[number]->log;
  message->name = (char *)name;
  message->archived_to = read_to_entry(context->arena, archive_until(event_log_archive(log), name));
  message->archived_events = (int64_t)events;
  message->trimmed_events = left + trimmed;
  message->limit = read_to_entry(context->arena, limit->until);
  message->held_back_by = (char *)limit->held_by;
  if (events > 0 || left > 0) tell(archiving, message);
  return status;
}

static coroutine_fn struct status archive_logs(const struct archiving *archiving,
                                               Ordershop__V1__ArchiveEventsResponse *response) {
  struct arena *arena = archiving->context->arena;
  const struct log_places *places = event_log_places(archiving->log);
  struct archive_limit limits[LOG_PLACES_MAX];
  struct context contexts[LOG_PLACES_MAX];
  log_places_contexts(places, archiving->context, contexts);
  struct status status =
      archive_limits_find(archiving->log, archiving->context, old_enough(archiving->request), limits);
  response->logs = arena_calloc(arena, places->count, sizeof(*response->logs));
  for (size_t i = 0; i < places->count && status_is_ok(status); i++) {
    Ordershop__V1__ArchivedLog *message = arena_alloc(arena, sizeof *message);
    ordershop__v1__archived_log__init(message);
    bool more = false;
    status = archive_log(archiving, i, &contexts[i], &limits[i], message, &more);
    response->more = response->more || more;
    response->logs[response->n_logs++] = message;
  }
  return status;
}

/* ---- the method ------------------------------------------------------------------------------------------------- */

coroutine_fn struct status archive_events(struct rpc_call *call, const void *message, const void **ret_response) {
  const Ordershop__V1__ArchiveEventsRequest *request = message;
  struct event_log *log = service_of(call)->user;
  struct arena *arena = call->context.arena;
  struct archive *archive = event_log_archive(log);
  struct status status = check(call, request);
  if (!status_is_ok(status)) return status;
  if (!archive_is_kept(archive)) {
    return status_error(arena, STATUS_FAILED_PRECONDITION, reason_archive_not_kept,
                        "there is no archive: ORDERSHOP_ARCHIVE_FOLDER of the event service names no folder");
  }
  int64_t read_to;
  status = event_log_await(log, call, &read_to);
  if (!status_is_ok(status)) return status;
  struct locking locking = {.archive = archive, .arena = arena};
  blocking_run(lock, &locking);
  if (!status_is_ok(locking.status)) return locking.status;
  Ordershop__V1__ArchiveEventsResponse *response = arena_alloc(arena, sizeof *response);
  ordershop__v1__archive_events_response__init(response);
  const struct archiving archiving = {
      .log = log, .request = request, .by = operator_text(call, request->operator_name), .context = &call->context};
  status = archive_logs(&archiving, response);
  archive_unlock(archive);
  if (status_is_ok(status)) *ret_response = response;
  return status;
}
