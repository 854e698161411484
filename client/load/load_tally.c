/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load_tally.h"

#include <string.h>

void load_tally_success(struct load_tally *tally, size_t command, size_t second, int64_t duration_us) {
  histogram_add(&tally->latency, duration_us);
  histogram_add(&tally->commands[command].latency, duration_us);
  if (second < (size_t)tally->seconds) tally->by_second[second]++;
}

static void remember_first(struct load_tally *tally, struct status status) {
  if (status_is_ok(tally->first_failure)) tally->first_failure = status_copy(status, tally->arena);
}

static void count_by_reason(struct load_tally *tally, struct status status) {
  const char *reason = status_reason(status);
  for (size_t i = 0; i < tally->reason_count; i++) {
    struct load_failure *failure = &tally->by_reason[i];
    if (failure->code != status.code || strcmp(failure->reason, reason) != 0) continue;
    failure->count++;
    return;
  }
  if (tally->reason_count == LOAD_FAILURES_MAX) return;
  tally->by_reason[tally->reason_count++] =
      (struct load_failure){.code = status.code,
                            .reason = arena_strdup(tally->arena, reason),
                            .count = 1,
                            .message = arena_strdup(tally->arena, status.message)};
}

void load_tally_failure(struct load_tally *tally, size_t command, struct status status, int64_t duration_us) {
  if ((unsigned)status.code >= LOAD_CODES) status.code = STATUS_UNKNOWN;
  remember_first(tally, status);
  tally->failures++;
  tally->commands[command].failures++;
  tally->by_code[status.code]++;
  count_by_reason(tally, status);
  if (status.code == STATUS_RESOURCE_EXHAUSTED) histogram_add(&tally->refused, duration_us);
}

void load_tally_warm_up(struct load_tally *tally, struct status status) {
  tally->warm_up_calls++;
  if (status_is_ok(status)) return;
  tally->warm_up_failures++;
  remember_first(tally, status);
}
