/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/status_watch_show.h"

#include <inttypes.h>
#include <math.h>

#include "client/cli/output/cells.h"

enum { COLUMNS = 9 };
static const char *const headings[COLUMNS] = {"SERVICE",  "READY", "CALLS/S", "FAILED/S", "P99",
                                              "EVENTS/S", "LAG",   "DEAD",    "OUTBOX"};
enum { CALLS_COLUMN = 2, LAG_COLUMN = 6, OUTBOX_COLUMN = 8 };

static const char *rate_text(struct arena *arena, double rate) {
  return arena_printf(arena, "%.*f", rate > 0 && rate < 10 ? 1 : 0, rate);
}

static const char *p99_text(struct arena *arena, const struct status_rates *rates) {
  double seconds = rates->p99_seconds;
  if (isnan(seconds)) return "-";
  const char *than = rates->p99_is_more ? ">" : "";
  if (seconds >= 1) return arena_printf(arena, "%s%.1f s", than, seconds);
  return arena_printf(arena, "%s%.0f ms", than, ceil(seconds * 1000));
}

static const char *count_text(struct arena *arena, int64_t count) {
  return count < 0 ? "?" : arena_printf(arena, "%" PRId64, count);
}

static void fill_rates(struct arena *arena, const struct service_report *report, const char *cells[COLUMNS]) {
  struct status_rates rates = status_rates_between(report->before, report->reading);
  if (!rates.known) return;
  cells[CALLS_COLUMN] = rate_text(arena, rates.calls);
  cells[CALLS_COLUMN + 1] = rate_text(arena, rates.failed);
  cells[CALLS_COLUMN + 2] = p99_text(arena, &rates);
  if (status_consumes(report->reading.status)) cells[CALLS_COLUMN + 3] = rate_text(arena, rates.events);
}

static void fill_row(struct arena *arena, const struct service_report *report, const char *cells[COLUMNS]) {
  const Ordershop__V1__ServiceStatus *status = report->reading.status;
  cells[0] = report->name;
  cells[1] = status && status->ready ? "yes" : "no";
  for (int i = 2; i < COLUMNS; i++) cells[i] = "-";
  if (!status) return;
  fill_rates(arena, report, cells);
  if (status_consumes(status)) {
    cells[LAG_COLUMN] = status_lag_text(arena, status->consumer);
    cells[LAG_COLUMN + 1] = count_text(arena, status->consumer->parked_events);
  }
  if (status->outbox) cells[OUTBOX_COLUMN] = count_text(arena, status->outbox->messages);
}

void status_watch_show_table(struct arena *arena, const struct service_report *reports, size_t count) {
  const char *(*rows)[COLUMNS] = arena_calloc(arena, count + 1, sizeof(*rows));
  for (int i = 0; i < COLUMNS; i++) rows[0][i] = headings[i];
  for (size_t i = 0; i < count; i++) fill_row(arena, &reports[i], rows[i + 1]);
  cells_show(arena, rows[0], count + 1, COLUMNS);
  status_show_advice(arena, reports, count);
}
