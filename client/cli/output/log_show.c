/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/log_show.h"

#include <stdio.h>
#include <string.h>

#include "client/cli/output/cells.h"
#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"

enum { COLUMNS = 7 };
static const char *const headings[COLUMNS] = {"SERVICE", "LOG", "EPOCH", "END", "SEEN", "APPLIED", "LOSSES"};

static const char *shown(struct arena *arena, const char *text) {
  return *text ? terminal_line(arena, text) : "-";
}

static const char *log_name(struct arena *arena, const Ordershop__V1__Log *log) {
  return *log->name ? terminal_line(arena, log->name) : "shop";
}

static void fill_row(struct arena *arena, const Ordershop__V1__LogStatus *status, const Ordershop__V1__Log *log,
                     const char **cells) {
  cells[0] = terminal_line(arena, status->service);
  cells[1] = log_name(arena, log);
  cells[2] = shown(arena, log->epoch);
  cells[3] = shown(arena, log->end);
  cells[4] = shown(arena, log->known_end);
  cells[5] = shown(arena, log->applied);
  cells[6] = log->n_losses > 0 ? arena_printf(arena, "%zu", log->n_losses) : "none";
}

static void show_loss(struct arena *arena, const Ordershop__V1__LogLoss *loss) {
  printf("  %s\n", terminal_line(arena, loss->description));
  const char *stream = *loss->stream ? arena_printf(arena, " of %s", terminal_line(arena, loss->stream)) : "";
  if (*loss->after) {
    printf("    lost%s: after %s up to %s\n", stream, terminal_line(arena, loss->after), shown(arena, loss->end));
  } else {
    printf("    lost%s: it is not known from where on, up to %s\n", stream, shown(arena, loss->end));
  }
}

static void show_losses(struct arena *arena, const Ordershop__V1__LogStatus *status) {
  for (size_t i = 0; i < status->n_logs; i++) {
    const Ordershop__V1__Log *log = status->logs[i];
    if (log->n_losses == 0) continue;
    const char *service = terminal_line(arena, status->service);
    const char *option = *log->name ? arena_printf(arena, " --log %s", terminal_line(arena, log->name)) : "";
    printf("\n%s (%s) misses of the log \"%s\":\n", service, terminal_line(arena, status->instance),
           log_name(arena, log));
    for (size_t j = 0; j < log->n_losses; j++) show_loss(arena, log->losses[j]);
    printf("  to go on without it: ordershop log accept %s %s%s\n", service, terminal_line(arena, log->etag), option);
  }
}

void log_show_table(struct arena *arena, const Ordershop__V1__LogStatus *const *statuses, size_t count) {
  size_t rows = 1;
  for (size_t i = 0; i < count; i++) rows += statuses[i]->n_logs;
  const char **cells = arena_calloc(arena, rows * COLUMNS, sizeof(*cells));
  memcpy(cells, headings, sizeof(headings));
  size_t row = 1;
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < statuses[i]->n_logs; j++) {
      fill_row(arena, statuses[i], statuses[i]->logs[j], cells + row++ * COLUMNS);
    }
  }
  cells_show(arena, cells, rows, COLUMNS);
  for (size_t i = 0; i < count; i++) show_losses(arena, statuses[i]);
}

void log_show_details(struct arena *arena, const Ordershop__V1__LogStatus *status) {
  static const char *const streams[] = {"name", "end", "known", "applied", NULL};
  static const char *const acceptances[] = {"time", "operator_name", "etag", "description", NULL};
  for (size_t i = 0; i < status->n_logs; i++) {
    const Ordershop__V1__Log *log = status->logs[i];
    if (log->n_streams > 0) printf("\nstreams of the log \"%s\"\n", log_name(arena, log));
    show_table(arena, (const void *const *)log->streams, log->n_streams, streams, NULL);
  }
  if (status->n_acceptances > 0) printf("\naccepted losses\n");
  show_table(arena, (const void *const *)status->acceptances, status->n_acceptances, acceptances, NULL);
}

size_t log_show_losses(const Ordershop__V1__LogStatus *status) {
  size_t count = 0;
  for (size_t i = 0; i < status->n_logs; i++) count += status->logs[i]->n_losses;
  return count;
}
