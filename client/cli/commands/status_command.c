/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop status`: how every service is doing, and what to do about those that are not well. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/status_show.h"
#include "client/cli/output/status_watch_show.h"

enum { ASK_MS = 2000 };

/* One thread asks one service, so that one that hangs holds up no other. */
struct asking {
  struct session *session;
  struct service_report *report;
  int64_t deadline_us;
  pthread_t thread;
  bool threaded;
};

static void *ask(void *argument) {
  struct asking *asking = argument;
  struct service_report *report = asking->report;
  const struct context context = {.arena = report->arena, .deadline_us = asking->deadline_us};
  report->call =
      ordershop_get_service_status(asking->session->client, &context, report->service, &report->reading.status);
  report->reading.us = clock_monotonic_us();
  return NULL;
}

static void ask_all(struct session *session, struct service_report *reports, size_t count) {
  struct asking *askings = arena_calloc(session->arena, count, sizeof(*askings));
  int64_t timeout_ms = session->invocation->timeout_ms ? session->invocation->timeout_ms : ASK_MS;
  for (size_t i = 0; i < count; i++) {
    reports[i].arena = arena_new();
    askings[i] = (struct asking){
        .session = session, .report = &reports[i], .deadline_us = clock_monotonic_us() + timeout_ms * 1000};
    askings[i].threaded = pthread_create(&askings[i].thread, NULL, ask, &askings[i]) == 0;
    if (!askings[i].threaded) ask(&askings[i]);
  }
  for (size_t i = 0; i < count; i++) {
    if (askings[i].threaded) pthread_join(askings[i].thread, NULL);
  }
}

/* The services that were named, or all. */
static struct status choose(struct session *session, struct service_report *reports, size_t *ret_count) {
  const struct invocation *invocation = session->invocation;
  size_t count = invocation->operand_count;
  for (size_t i = 0; i < count; i++) {
    struct status status = session_find_service(session, invocation->operands[i], &reports[i].service);
    if (!status_is_ok(status)) return status;
  }
  size_t known = ordershop_client_service_count(session->client);
  for (; invocation->operand_count == 0 && count < known; count++) {
    reports[count].service = (enum ordershop_service)count;
  }
  for (size_t i = 0; i < count; i++) {
    reports[i].name = ordershop_client_service_name(session->client, reports[i].service);
    reports[i].address = ordershop_client_address(session->client, reports[i].service);
  }
  *ret_count = count;
  return status_ok();
}

/* EXIT_UNAVAILABLE if nobody answered, EXIT_REFUSED if one isn't ready. */
static int judge(const struct service_report *reports, size_t count) {
  size_t ready = 0, answered = 0;
  for (size_t i = 0; i < count; i++) {
    answered += reports[i].reading.status != NULL;
    ready += reports[i].reading.status && reports[i].reading.status->ready;
  }
  if (answered == 0) return EXIT_UNAVAILABLE;
  return ready == count ? EXIT_DONE : EXIT_REFUSED;
}

/* With --watch, what the time before has found: rates are what has happened since. */
static struct {
  struct service_report *reports;
  size_t count;
} before;

static void take_before(struct service_report *reports, size_t count) {
  for (size_t i = 0; i < count && i < before.count; i++) reports[i].before = before.reports[i].reading;
}

static void forget_before(void) {
  for (size_t i = 0; i < before.count; i++) arena_free(before.reports[i].arena);
  free(before.reports);
  before.reports = NULL;
  before.count = 0;
}

/* Takes over what the reports hold. */
static void keep(const struct service_report *reports, size_t count) {
  forget_before();
  before.reports = memory_calloc(count, sizeof(*reports));
  before.count = count;
  memcpy(before.reports, reports, count * sizeof(*reports));
}

static void show(const struct session *session, const struct service_report *reports, size_t count) {
  if (session->invocation->json) {
    status_show_json(reports, count);
  } else if (session->invocation->watch_ms > 0) {
    status_watch_show_table(session->arena, reports, count);
  } else {
    status_show_table(session->arena, reports, count);
  }
}

static int run(struct session *session) {
  size_t max = session->invocation->operand_count + ordershop_client_service_count(session->client), count = 0;
  struct service_report *reports = arena_calloc(session->arena, max, sizeof(*reports));
  struct status status = choose(session, reports, &count);
  if (!status_is_ok(status)) return failure_of_usage(session->invocation->json, status);
  ask_all(session, reports, count);
  take_before(reports, count);
  show(session, reports, count);
  int verdict = judge(reports, count);
  keep(reports, count);
  if (session->invocation->watch_ms == 0) forget_before();
  return verdict;
}

const struct noun status_commands = {
    .name = "status",
    .help = "Say how the services are doing: ready, version, uptime, events that wait or are dead-lettered",
    .details =
        "LAG counts the events that a service has not dealt with yet, DEAD those that it has dead-lettered because "
        "they can't be handled. What is wrong, and what to do about it, stands below the table. With --watch the "
        "table tells what has happened since the last time: calls that were answered, and those of them that failed "
        "by a fault of the service, a second; what 99 of 100 took at most; events a second; and how many messages wait "
        "for another service. Exit status: 0 all are ready; 1 not all; 3 none answers.",
    .operands = "[SERVICE ...]",
    .operand_words = service_words,
    .flags = get_flags,
    .examples = (const char *const[]){"status", "status order crm", "status --watch",
                                      "status --json | jq '.services[] | select(.ready | not)'", NULL},
    .run = run,
};
