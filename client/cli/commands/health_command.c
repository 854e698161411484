/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop health`: which services serve; with --timeout, waits until all of them do. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/line/failure.h"
#include "client/cli/output/show.h"

enum { CHECK_MS = 2000, POLL_MS = 100 };

struct checked {
  enum ordershop_service service;
  const char *state; /* SERVING, NOT_SERVING or UNREACHABLE */
};

static bool serves(const struct checked *checked) {
  return strcmp(checked->state, "SERVING") == 0;
}

/* The services that were named, or all. */
static struct status choose(struct session *session, struct checked *checked, size_t *ret_count) {
  const struct invocation *invocation = session->invocation;
  if (invocation->operand_count == 0) {
    *ret_count = ordershop_client_service_count(session->client);
    for (size_t i = 0; i < *ret_count; i++) {
      checked[i] = (struct checked){.service = (enum ordershop_service)i, .state = "UNREACHABLE"};
    }
    return status_ok();
  }
  for (size_t i = 0; i < invocation->operand_count; i++) {
    checked[i].state = "UNREACHABLE";
    struct status status = session_find_service(session, invocation->operands[i], &checked[i].service);
    if (!status_is_ok(status)) return status;
  }
  *ret_count = invocation->operand_count;
  return status_ok();
}

static void check(struct session *session, struct checked *checked, int64_t deadline_us) {
  struct arena *arena = arena_new();
  int64_t limit = clock_monotonic_us() + CHECK_MS * 1000;
  const struct context context = {.arena = arena, .deadline_us = limit < deadline_us ? limit : deadline_us};
  bool serving;
  struct status status = ordershop_check_health(session->client, &context, checked->service, &serving);
  if (status_is_ok(status)) checked->state = serving ? "SERVING" : "NOT_SERVING";
  if (!status_is_ok(status)) checked->state = "UNREACHABLE";
  arena_free(arena);
}

/* One round over those that did not serve yet. True: all serve. */
static bool check_all(struct session *session, struct checked *checked, size_t count, int64_t deadline_us) {
  bool all = true;
  for (size_t i = 0; i < count; i++) {
    if (!serves(&checked[i])) check(session, &checked[i], deadline_us);
    all = all && serves(&checked[i]);
  }
  return all;
}

static bool wait_for_all(struct session *session, struct checked *checked, size_t count) {
  int64_t timeout_ms = session->invocation->timeout_ms;
  int64_t deadline_us = timeout_ms ? clock_monotonic_us() + timeout_ms * 1000 : DEADLINE_NEVER;
  bool all = check_all(session, checked, count, deadline_us);
  while (!all && timeout_ms && clock_monotonic_us() + POLL_MS * 1000 < deadline_us) {
    nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000}, NULL);
    all = check_all(session, checked, count, deadline_us);
  }
  return all;
}

/* "dns:///127.0.0.1:50051" is 127.0.0.1:50051 to people. */
static const char *address_of(const struct session *session, const struct checked *checked) {
  static const char scheme[] = "dns:///";
  const char *address = ordershop_client_address(session->client, checked->service);
  return strncmp(address, scheme, strlen(scheme)) == 0 ? address + strlen(scheme) : address;
}

static void print_plain(const struct session *session, const struct checked *checked, size_t count) {
  for (size_t i = 0; i < count; i++) {
    printf("%s %s %s\n", ordershop_client_service_name(session->client, checked[i].service), checked[i].state,
           address_of(session, &checked[i]));
  }
}

static void print_json(const struct session *session, const struct checked *checked, size_t count) {
  json_t *list = json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "service",
                                          ordershop_client_service_name(session->client, checked[i].service), "status",
                                          checked[i].state, "address", address_of(session, &checked[i])));
  }
  show_json_value(json_pack("{s:o}", "services", list));
}

int command_health(struct session *session) {
  size_t max = session->invocation->operand_count + ordershop_client_service_count(session->client), count = 0;
  struct checked *checked = arena_calloc(session->arena, max, sizeof(*checked));
  struct status status = choose(session, checked, &count);
  if (!status_is_ok(status)) return failure_of_usage(session->invocation->json, status);
  bool all = wait_for_all(session, checked, count);
  if (session->invocation->json) print_json(session, checked, count);
  if (!session->invocation->json) print_plain(session, checked, count);
  return all ? EXIT_DONE : EXIT_REFUSED;
}
