/* SPDX-License-Identifier: Apache-2.0 */
/* `ordershop dead-letter`: what services could not handle, and its repair. */
#include <descriptor_set.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/cli/line/command_parts.h"
#include "client/cli/line/failure.h"
#include "client/cli/line/session.h"
#include "client/cli/output/dead_letter_show.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"
#include "client/dead_letter_client.h"
#include "message/entity_types.h"

enum { PAGE = 1000 };

/* ---- arguments -------------------------------------------------------------------------------------------------- */

static struct status usage(struct session *session, const char *what) {
  return status_error(session->arena, STATUS_INVALID_ARGUMENT, reason_usage, "dead-letter %s: %s",
                      session->invocation->verb->name, what);
}

static struct status need_operands(struct session *session, size_t count, const char *what) {
  return session->invocation->operand_count == count ? status_ok() : usage(session, what);
}

static struct status call(struct session *session, enum ordershop_service service, const char *method,
                          const void *request, const void **ret_response) {
  const struct context context = {.arena = session->arena};
  struct ordershop_answer answer = ordershop_call_dead_letters(session->client, &context, service, method, request);
  *ret_response = answer.message;
  return answer.status;
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

struct listing {
  struct session *session;
  struct dead_letter_row rows[PAGE]; /* of one page */
  bool any;
};

static void show_page(struct listing *listing, const char *service,
                      const Ordershop__V1__ListDeadLetterKeysResponse *page) {
  for (size_t i = 0; i < page->n_keys; i++) {
    listing->rows[i] = (struct dead_letter_row){.service = service, .key = page->keys[i]};
  }
  listing->any = listing->any || page->n_keys > 0;
  if (listing->session->invocation->json) {
    dead_letter_show_json(listing->rows, page->n_keys);
  } else {
    dead_letter_show_table(listing->session->arena, listing->rows, page->n_keys);
  }
}

static struct status list_keys(struct listing *listing, enum ordershop_service service) {
  struct session *session = listing->session;
  Ordershop__V1__ListDeadLetterKeysRequest request = ORDERSHOP__V1__LIST_DEAD_LETTER_KEYS_REQUEST__INIT;
  request.page_size = PAGE;
  struct status status;
  do {
    const void *response;
    status = call(session, service, "ListDeadLetterKeys", &request, &response);
    if (!status_is_ok(status)) return status;
    const Ordershop__V1__ListDeadLetterKeysResponse *page = response;
    show_page(listing, ordershop_client_service_name(session->client, service), page);
    request.page_token = page->next_page_token;
  } while (*request.page_token && !ferror(stdout));
  return status;
}

/* Those that were named, or all; of all, those that read no events have none. */
static int run_list(struct session *session) {
  const struct invocation *invocation = session->invocation;
  struct listing *listing = arena_calloc(session->arena, 1, sizeof(*listing));
  listing->session = session;
  size_t named = invocation->operand_count;
  size_t count = named > 0 ? named : ordershop_client_service_count(session->client);
  int exit_status = EXIT_DONE;
  for (size_t i = 0; i < count; i++) {
    enum ordershop_service service = (enum ordershop_service)i;
    struct status status = status_ok();
    if (named > 0) status = session_find_service(session, invocation->operands[i], &service);
    if (status_is_ok(status)) status = list_keys(listing, service);
    bool reads_none = named == 0 && status.code == STATUS_UNIMPLEMENTED;
    if (!status_is_ok(status) && !reads_none) exit_status = failure_of_usage_or_call(session, status);
  }
  if (exit_status == EXIT_DONE && !listing->any && !invocation->json) puts("no dead letters");
  return exit_status;
}

/* ---- groups ----------------------------------------------------------------------------------------------------- */

static int run_groups(struct session *session) {
  static const char *const fields[] = {"fingerprint", "keys", "dead_letters", "reason", NULL};
  enum ordershop_service service = 0;
  struct status status = need_operands(session, 1, "needs a service");
  if (status_is_ok(status)) status = session_find_service(session, session->invocation->operands[0], &service);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  Ordershop__V1__ListDeadLetterGroupsRequest request = ORDERSHOP__V1__LIST_DEAD_LETTER_GROUPS_REQUEST__INIT;
  const void *response = NULL;
  status = call(session, service, "ListDeadLetterGroups", &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  const Ordershop__V1__ListDeadLetterGroupsResponse *groups = response;
  if (session->invocation->json) {
    for (size_t i = 0; i < groups->n_groups; i++) show_json_line(groups->groups[i]);
  } else {
    show_table(session->arena, (const void *const *)groups->groups, groups->n_groups, fields, NULL);
    if (groups->n_groups == 0) puts("no dead letters");
  }
  return EXIT_DONE;
}

/* ---- show ------------------------------------------------------------------------------------------------------- */

static struct status show_letters(struct session *session, enum ordershop_service service, const char *key,
                                  struct type_search *types) {
  Ordershop__V1__ListDeadLettersRequest request = ORDERSHOP__V1__LIST_DEAD_LETTERS_REQUEST__INIT;
  request.key = (char *)key;
  request.page_size = 100;
  struct status status;
  do {
    const void *response;
    status = call(session, service, "ListDeadLetters", &request, &response);
    if (!status_is_ok(status)) return status;
    const Ordershop__V1__ListDeadLettersResponse *page = response;
    for (size_t i = 0; i < page->n_dead_letters; i++) {
      if (session->invocation->json) {
        dead_letter_show_json_line(session->arena, types, page->dead_letters[i]);
      } else {
        dead_letter_show_record(session->arena, types, page->dead_letters[i]);
      }
    }
    request.page_token = page->next_page_token;
  } while (*request.page_token && !ferror(stdout));
  return status;
}

static int run_show(struct session *session) {
  enum ordershop_service service = 0;
  struct status status = need_operands(session, 2, "needs a service and a key, as in crm 76131f90-36f5-4ce4-...");
  if (status_is_ok(status)) status = session_find_service(session, session->invocation->operands[0], &service);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  struct entity_types *known = entity_types_new();
  status = entity_types_add(known, session->arena, ordershop_descriptor_set, ordershop_descriptor_set_size);
  struct type_search *types = type_search_new(session->client, known);
  if (status_is_ok(status)) status = show_letters(session, service, session->invocation->operands[1], types);
  type_search_free(types);
  entity_types_free(known);
  return status_is_ok(status) ? EXIT_DONE : failure_of_usage_or_call(session, status);
}

/* ---- retry ------------------------------------------------------------------------------------------------------ */

static struct status build_retry(struct session *session, Ordershop__V1__RetryDeadLettersRequest *request,
                                 enum ordershop_service *ret_service) {
  const struct invocation *invocation = session->invocation;
  const char *kind = invocation_value(invocation, "kind");
  bool all = invocation_value(invocation, "all") != NULL;
  size_t count = invocation->operand_count;
  if (count < 1 || count > 2 || (count == 2) + (kind != NULL) + all != 1) {
    return usage(session, "needs a service, and a key, --kind or --all");
  }
  if (count == 2) request->key = invocation->operands[1];
  if (kind) request->fingerprint = (char *)kind;
  request->all = all;
  request->operator_name = session_operator_name(session);
  return session_find_service(session, invocation->operands[0], ret_service);
}

static const char *keys_text(struct session *session, int64_t count) {
  return arena_printf(session->arena, "%" PRId64 " key%s", count, count == 1 ? "" : "s");
}

static void show_outcome(struct session *session, const Ordershop__V1__RetryDeadLettersResponse *outcome) {
  struct arena *arena = session->arena;
  printf("%s retried, %" PRId64 " of them freed\n", keys_text(session, outcome->keys), outcome->freed_keys);
  if (outcome->refused_keys > 0) printf("%s still held:\n", keys_text(session, outcome->refused_keys));
  for (size_t i = 0; i < outcome->n_refused; i++) {
    const Ordershop__V1__DeadLetter *letter = outcome->refused[i];
    printf("  %s %s: %s\n", terminal_line(arena, letter->key), terminal_line(arena, letter->id),
           terminal_line(arena, letter->reason));
  }
  if (outcome->pending_keys > 0) {
    printf("%s still being retried; the service goes on by itself\n", keys_text(session, outcome->pending_keys));
  }
}

static int run_retry(struct session *session) {
  Ordershop__V1__RetryDeadLettersRequest request = ORDERSHOP__V1__RETRY_DEAD_LETTERS_REQUEST__INIT;
  enum ordershop_service service = 0;
  const void *response = NULL;
  struct status status = build_retry(session, &request, &service);
  if (status_is_ok(status)) status = call(session, service, "RetryDeadLetters", &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  const Ordershop__V1__RetryDeadLettersResponse *outcome = response;
  if (session->invocation->json) {
    show_json(outcome);
  } else {
    show_outcome(session, outcome);
  }
  if (outcome->refused_keys > 0) return EXIT_REFUSED;
  return outcome->pending_keys > 0 ? EXIT_UNAVAILABLE : EXIT_DONE;
}

/* ---- skip ------------------------------------------------------------------------------------------------------- */

static struct status build_skip(struct session *session, Ordershop__V1__SkipDeadLetterRequest *request,
                                enum ordershop_service *ret_service) {
  const struct invocation *invocation = session->invocation;
  struct status status = need_operands(session, 3, "needs a service, a key, and the id of its first dead letter");
  if (!status_is_ok(status)) return status;
  request->key = invocation->operands[1];
  request->id = invocation->operands[2];
  request->reason = (char *)invocation_value(invocation, "reason");
  request->operator_name = session_operator_name(session);
  return session_find_service(session, invocation->operands[0], ret_service);
}

static int run_skip(struct session *session) {
  Ordershop__V1__SkipDeadLetterRequest request = ORDERSHOP__V1__SKIP_DEAD_LETTER_REQUEST__INIT;
  enum ordershop_service service = 0;
  const void *response = NULL;
  struct status status = build_skip(session, &request, &service);
  if (status_is_ok(status)) status = call(session, service, "SkipDeadLetter", &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  const Ordershop__V1__SkipDeadLetterResponse *outcome = response;
  if (session->invocation->json) {
    show_json(outcome);
  } else {
    printf("%s of %s skipped; what waited behind it is retried\n", terminal_line(session->arena, outcome->skipped->id),
           terminal_line(session->arena, outcome->skipped->key));
  }
  return EXIT_DONE;
}

/* ---- log -------------------------------------------------------------------------------------------------------- */

static int run_log(struct session *session) {
  static const char *const fields[] = {"time", "operator_name", "action", "subject", "dead_letter_id", "reason", NULL};
  enum ordershop_service service = 0;
  struct status status = need_operands(session, 1, "needs a service");
  if (status_is_ok(status)) status = session_find_service(session, session->invocation->operands[0], &service);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  Ordershop__V1__ListOperationsRequest request = ORDERSHOP__V1__LIST_OPERATIONS_REQUEST__INIT;
  const void *response = NULL;
  request.page_size = PAGE;
  status = call(session, service, "ListOperations", &request, &response);
  if (!status_is_ok(status)) return failure_of_usage_or_call(session, status);
  const Ordershop__V1__ListOperationsResponse *log = response;
  if (session->invocation->json) {
    for (size_t i = 0; i < log->n_operations; i++) show_json_line(log->operations[i]);
  } else {
    show_table(session->arena, (const void *const *)log->operations, log->n_operations, fields, NULL);
  }
  return EXIT_DONE;
}

/* ---- the noun --------------------------------------------------------------------------------------------------- */

static const struct flag retry_flags[] = {
    {.name = "kind",
     .value = "FINGERPRINT",
     .kind = FLAG_OWN,
     .help = "All keys whose first dead letter has a reason of this kind, as `groups` tells it"},
    {.name = "all", .kind = FLAG_OWN, .help = "All keys"},
    BY_FLAG,
    {0},
};

static const struct flag skip_flags[] = {
    {.name = "reason", .value = "TEXT", .kind = FLAG_OWN, .required = true, .help = "Why, for the record"},
    BY_FLAG,
    {0},
};

static const struct verb verbs[] = {
    {.name = "list",
     .help = "List the keys that have dead letters, of the services that are named, or of all",
     .details = "KEY is the customer, order ... whose later events wait behind the dead letter: WAITING says how many. "
                "TRIES says how often it was tried to handle it.",
     .operand = "[SERVICE ...]",
     .operands_many = true,
     .operands_optional = true,
     .examples =
         (const char *const[]){"dead-letter list", "dead-letter list crm --json | jq -c '[.key, .first.reason]'", NULL},
     .run = run_list},
    {.name = "groups",
     .help = "Count the keys by the kind of reason that their first dead letter has",
     .operand = "SERVICE",
     .examples = (const char *const[]){"dead-letter groups crm", NULL},
     .run = run_groups},
    {.name = "show",
     .help = "Show the dead letters of a key, with their events, in the order of the log",
     .operand = "SERVICE KEY",
     .operands_many = true,
     .examples = (const char *const[]){"dead-letter show crm 76131f90-36f5-4ce4-8516-0685a3dccc54", NULL},
     .run = run_show},
    {.name = "retry",
     .help = "Handle the dead letters of a key again, of all keys of a kind, or of all",
     .details = "Each key's are handled in order. At the first that can't be handled again the key stays held. Exit "
                "status: 0 all were handled; 1 some not; 3 the time is over (--timeout), and the service goes on.",
     .operand = "SERVICE KEY",
     .operands_many = true,
     .flags = retry_flags,
     .examples = (const char *const[]){"dead-letter retry crm 76131f90-36f5-4ce4-8516-0685a3dccc54",
                                       "dead-letter retry crm --kind 5f0c1d3b7a9e2468 --by ada",
                                       "dead-letter retry crm --all --timeout 60", NULL},
     .run = run_retry},
    {.name = "skip",
     .help = "Give up the first dead letter of a key, and retry those behind it",
     .operand = "SERVICE KEY ID",
     .operands_many = true,
     .flags = skip_flags,
     .examples = (const char *const[]){"dead-letter skip crm 76131f90-36f5-4ce4-8516-0685a3dccc54 1795460356547-731 "
                                       "--reason \"the customer wants no mail\"",
                                       NULL},
     .run = run_skip},
    {.name = "log",
     .help = "List what operators have done to the dead letters of a service, the latest first",
     .operand = "SERVICE",
     .examples = (const char *const[]){"dead-letter log crm", NULL},
     .run = run_log},
    {0},
};

const struct noun dead_letter_commands = {
    .name = "dead-letter",
    .help = "What services could not handle, and its repair",
    .verbs = verbs,
};
