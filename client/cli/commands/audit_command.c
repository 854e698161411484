/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop audit`: whether log and state hold what the shop promises. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/cli/audit/audit.h"
#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/terminal_text.h"

enum { ENTITIES_MAX = 1000 * 1000, SETTLE_S = 60, SETTLE_S_MAX = 24 * 3600 };

static void print_json(json_t *json) {
  json_dumpf(json, stdout, JSON_COMPACT);
  putchar('\n');
  json_decref(json);
}

static void tell_line(void *argument, const struct audit_violation *violation) {
  struct arena *arena = arena_new();
  (void)argument;
  printf("%s", violation->rule);
  if (*violation->entity_type) printf(" %s %s", violation->entity_type, terminal_line(arena, violation->id));
  if (*violation->entry) printf(" at %s", violation->entry);
  printf(": %s\n", terminal_line(arena, violation->detail));
  fflush(stdout);
  arena_free(arena);
}

static void tell_json(void *argument, const struct audit_violation *violation) {
  (void)argument;
  print_json(json_pack("{s:s, s:s, s:s, s:s, s:s}", "violation", violation->rule, "entityType", violation->entity_type,
                       "id", violation->id, "entry", violation->entry, "detail", violation->detail));
  fflush(stdout);
}

static void show_outcome(const struct audit_outcome *outcome) {
  printf("%" PRId64 " events audited, %" PRId64 " violations, %" PRId64 " entities undecided", outcome->events,
         outcome->violations, outcome->undecided);
  if (*outcome->read_to) printf("; the next audit may begin --since %s", outcome->read_to);
  putchar('\n');
}

static void show_outcome_json(const struct audit_outcome *outcome) {
  print_json(json_pack("{s:I, s:I, s:I, s:s}", "events", (json_int_t)outcome->events, "violations",
                       (json_int_t)outcome->violations, "undecided", (json_int_t)outcome->undecided, "readTo",
                       outcome->read_to));
}

static struct status read_flags(struct session *session, struct audit_options *options) {
  const char *since = invocation_value(session->invocation, "since");
  const char *settle = invocation_value(session->invocation, "settle");
  options->since.kind = EVENT_FROM_BEGINNING;
  if (since && (!event_from_parse(since, &options->since) || options->since.kind == EVENT_FROM_NOW)) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "--since: \"%s\" is not BEGINNING, an entry's id (1795460356547-731), a time "
                        "(2026-11-23T18:59:16Z) or a time ago (10m)",
                        since);
  }
  char *end = NULL;
  long seconds = settle ? strtol(settle, &end, 10) : SETTLE_S;
  if (settle && (*end || end == settle || seconds < 0 || seconds > SETTLE_S_MAX)) {
    return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage,
                        "--settle: \"%s\" is not a number of seconds from 0 to %d", settle, SETTLE_S_MAX);
  }
  options->settle_us = (int64_t)seconds * 1000000;
  return status_ok();
}

static int run(struct session *session) {
  bool json = session->invocation->json;
  struct audit_options options = {
      .client = session->client, .entities_max = ENTITIES_MAX, .tell = json ? tell_json : tell_line};
  struct audit_outcome outcome;
  struct status status = read_flags(session, &options);
  if (!status_is_ok(status)) return failure_of_usage(json, status);
  status = audit_run(session->arena, &options, &outcome);
  if (!status_is_ok(status)) return failure_of_call(json, status, NULL);
  if (json) show_outcome_json(&outcome);
  if (!json) show_outcome(&outcome);
  if (outcome.is_part) {
    fprintf(stderr, "ordershop: more than %d things to remember: audit the rest by --since %s\n", ENTITIES_MAX,
            outcome.read_to);
  }
  if (outcome.violations > 0) return EXIT_REFUSED;
  return outcome.is_part ? EXIT_UNAVAILABLE : EXIT_DONE;
}

static const struct flag flags[] = {
    {.name = "since",
     .value = "WHERE",
     .kind = FLAG_OWN,
     .help = "Only events behind an entry's id, from a time as in 2026-11-23T18:59:16Z, or a time ago as in 10m "
             "(BEGINNING)"},
    {.name = "settle",
     .value = "SECONDS",
     .kind = FLAG_OWN,
     .help = "How old an event is whose mails must be there (60)"},
    {0},
};

const struct noun audit_commands = {
    .name = "audit",
    .help = "Prove that log and state hold what the shop promises, while it runs",
    .details =
        "Each violation is told as soon as it is found, with its rule, the entity and the entry. Rules: ids rise; "
        "each event of an entity is a version more; stock is never negative and only what is stocked changes its "
        "sum; an order has one billing of its total; a cause has one mail of a kind; state equals the last event; "
        "profiles equal what the events say. Exit status: 0 all hold; 1 some don't; 3 a service doesn't answer, "
        "or it was too much at once.",
    .flags = flags,
    .examples = (const char *const[]){"audit", "audit --since 10m", "audit --since 1795460356547-731 --json", NULL},
    .run = run,
};
