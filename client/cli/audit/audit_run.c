/* SPDX-License-Identifier: Apache-2.0 */
/* The course of an audit: the log, then what services tell. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/timestamp.h"
#include "client/cli/audit/audit_parts.h"
#include "client/event_client.h"

enum { PAGE = 1000 };

struct audit_row *audit_find(const struct audit *audit, const char *entity_type, const char *id) {
  char key[256];
  snprintf(key, sizeof key, "%s %s", entity_type, id);
  return key_table_find(audit->rows, key);
}

void audit_tell(struct audit *audit, struct arena *arena, const char *rule, const char *entity_type, const char *id,
                int64_t entry, const char *format, ...) {
  char detail[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(detail, sizeof detail, format, arguments);
  va_end(arguments);
  const struct audit_violation violation = {.rule = rule,
                                            .entity_type = entity_type,
                                            .id = id,
                                            .entry = entry > 0 ? log_time_text(arena, entry) : "",
                                            .detail = detail};
  audit->outcome->violations++;
  audit->options->tell(audit->options->argument, &violation);
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

/* Where the first page begins. */
static void begin(const struct audit *audit, struct arena *arena, Ordershop__V1__ReadEventsRequest *request) {
  const struct event_from *since = &audit->options->since;
  if (audit->at > 0) {
    request->after_entry = arena_strdup(arena, log_time_text(arena, audit->at));
  } else if (since->kind == EVENT_FROM_ENTRY) {
    request->after_entry = arena_printf(arena, "%lld-%lld", (long long)since->ms, (long long)since->sequence);
  } else if (since->kind == EVENT_FROM_TIME || since->kind == EVENT_FROM_AGO) {
    int64_t ms = since->kind == EVENT_FROM_AGO ? clock_wall_us() / 1000 - since->ms : since->ms;
    request->start_time = timestamp_new(arena, ms * 1000);
  }
}

static bool is_full(const struct audit *audit) {
  return audit->count >= audit->options->entities_max;
}

struct status audit_advance(struct audit *audit) {
  struct context context = {.arena = arena_new()};
  struct status status = status_ok();
  bool more = !audit->outcome->is_part;
  while (more && status_is_ok(status)) {
    Ordershop__V1__ReadEventsRequest request = ORDERSHOP__V1__READ_EVENTS_REQUEST__INIT;
    const Ordershop__V1__ReadEventsResponse *response;
    request.page_size = PAGE;
    request.view = ORDERSHOP__V1__EVENT_VIEW__EVENT_VIEW_BYTES;
    request.consistent_read = true; /* what a service has told before has its event among these */
    begin(audit, context.arena, &request);
    status = ordershop_read_events(audit->options->client, &context, &request, &response);
    if (!status_is_ok(status)) break;
    for (size_t i = 0; i < response->n_events; i++) audit_event(audit, context.arena, response->events[i]);
    more = *response->next_page_token && response->n_events > 0;
    if (!more) snprintf(audit->position, sizeof audit->position, "%s", response->position);
    if (is_full(audit)) audit->outcome->is_part = true;
    if (is_full(audit)) more = false;
    arena_reset(context.arena);
  }
  status = status_copy(status, audit->arena);
  arena_free(context.arena);
  return status;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* What came while states were compared is audited too, but for its own states: it is left to the next audit. */
static struct status audit_all(struct audit *audit) {
  struct status status = audit_advance(audit);
  int64_t end = audit->at;
  if (status_is_ok(status) && end > 0) {
    snprintf(audit->outcome->read_to, sizeof audit->outcome->read_to, "%s", log_time_text(audit->arena, end));
  }
  if (status_is_ok(status) && !audit->outcome->is_part) status = audit_states(audit);
  if (status_is_ok(status) && !audit->outcome->is_part) status = audit_profiles(audit);
  if (status_is_ok(status) && !audit->outcome->is_part) status = audit_mails(audit);
  return status;
}

struct status audit_run(struct arena *arena, const struct audit_options *options, struct audit_outcome *ret_outcome) {
  *ret_outcome = (struct audit_outcome){0};
  struct arena *memory = arena_new();
  struct audit audit = {.arena = memory,
                        .options = options,
                        .outcome = ret_outcome,
                        .rows = key_table_new(memory),
                        .mails = key_table_new(memory)};
  struct status status = status_copy(audit_all(&audit), arena);
  arena_free(memory);
  return status;
}
