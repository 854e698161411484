/* SPDX-License-Identifier: Apache-2.0 */
/* What came of the calls of a run. One thread. */
#pragma once

#include "base/status.h"
#include "client/load/histogram.h"
#include "client/load/load_command.h"

#define LOAD_CODES (STATUS_UNAUTHENTICATED + 1)
#define LOAD_FAILURES_MAX 64 /* kinds of them that are told apart; further ones count by code only */

/* Those of one code and reason. */
struct load_failure {
  enum status_code code;
  const char *reason; /* "" if there is none */
  uint64_t count;
  const char *message; /* of the first one */
};

struct load_command_tally {
  const struct load_command *command;
  uint64_t failures;
  struct histogram latency; /* of what succeeded */
};

/* Of the calls that began, or were to begin, while it was measured, however late they ended. */
struct load_tally {
  struct arena *arena;
  struct histogram latency; /* of what succeeded, from when the call was to begin */
  struct histogram refused; /* of what was answered RESOURCE_EXHAUSTED */
  struct histogram late;    /* how much after that the call was really begun: the load generator's own delay */
  struct load_command_tally *commands;
  size_t command_count;
  uint64_t *by_second; /* what succeeded, by the second in which it was to begin; as many as `seconds` */
  uint64_t failures;
  uint64_t by_code[LOAD_CODES]; /* of these */
  struct load_failure by_reason[LOAD_FAILURES_MAX];
  size_t reason_count;
  uint64_t retries;
  double seconds;

  uint64_t warm_up_calls, warm_up_failures; /* before */
  struct status first_failure;              /* of these, too */
};

/* Counts an outcome that took `duration_us`. `command` and `second` are indexes. */
void load_tally_success(struct load_tally *tally, size_t command, size_t second, int64_t duration_us);
void load_tally_failure(struct load_tally *tally, size_t command, struct status status, int64_t duration_us);

/* Counts what happened in the warm-up. */
void load_tally_warm_up(struct load_tally *tally, struct status status);
