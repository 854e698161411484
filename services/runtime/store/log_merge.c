/* SPDX-License-Identifier: Apache-2.0 */
#include "store/log_merge.h"

#include <stdlib.h>

#include "base/memory.h"

struct merged_log {
  int64_t next; /* 0: none was read */
  int64_t watermark;
  bool is_missing;
};

struct log_merge {
  struct merged_log *logs;
  size_t count;
};

struct log_merge *log_merge_new(size_t logs) {
  struct log_merge *merge = memory_calloc(1, sizeof *merge);
  merge->logs = memory_calloc(logs, sizeof *merge->logs);
  merge->count = logs;
  return merge;
}

void log_merge_free(struct log_merge *merge) {
  if (!merge) return;
  free(merge->logs);
  free(merge);
}

void log_merge_next_of(struct log_merge *merge, size_t log, int64_t log_time) {
  merge->logs[log].next = log_time;
}

void log_merge_read_to(struct log_merge *merge, size_t log, int64_t log_time) {
  if (log_time > merge->logs[log].watermark) merge->logs[log].watermark = log_time;
}

void log_merge_exists(struct log_merge *merge, size_t log, bool exists) {
  merge->logs[log].is_missing = !exists;
}

/* The earliest of the entries that were read. */
static bool find_earliest(const struct log_merge *merge, size_t *ret_log) {
  int64_t earliest = 0;
  for (size_t i = 0; i < merge->count; i++) {
    int64_t next = merge->logs[i].next;
    if (next == 0 || (earliest != 0 && next >= earliest)) continue;
    earliest = next;
    *ret_log = i;
  }
  return earliest != 0;
}

/* One that has told its next entry is known up to there. */
static bool is_known_to(const struct merged_log *log, int64_t log_time) {
  return log->is_missing || log->next != 0 || log->watermark >= log_time;
}

bool log_merge_first(const struct log_merge *merge, size_t *ret_log) {
  size_t earliest;
  if (!find_earliest(merge, &earliest)) return false;
  for (size_t i = 0; i < merge->count; i++) {
    if (!is_known_to(&merge->logs[i], merge->logs[earliest].next)) return false;
  }
  *ret_log = earliest;
  return true;
}

int64_t log_merge_awaited_of(const struct log_merge *merge, size_t log) {
  size_t earliest;
  if (!find_earliest(merge, &earliest)) return 0;
  int64_t log_time = merge->logs[earliest].next;
  return is_known_to(&merge->logs[log], log_time) ? 0 : log_time;
}

int64_t log_merge_handed_out(const struct log_merge *merge, size_t log) {
  const struct merged_log *of = &merge->logs[log];
  return of->next != 0 && of->next <= of->watermark ? of->next - 1 : of->watermark;
}
