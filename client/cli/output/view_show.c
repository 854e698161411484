/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/view_show.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/cli/output/show.h"
#include "client/cli/output/terminal_text.h"

bool view_show_is_open(const Ordershop__V1__ViewRebuild *rebuild) {
  return rebuild->state == ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_ASKED ||
         rebuild->state == ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_BUILDING ||
         rebuild->state == ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_COMPARING;
}

int64_t view_show_differing(const Ordershop__V1__ViewRebuild *rebuild) {
  return rebuild->rows_wrong + rebuild->rows_missing + rebuild->rows_surplus;
}

const char *view_show_state(const Ordershop__V1__ViewRebuild *rebuild) {
  switch (rebuild->state) {
    case ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_ASKED:
      return "waiting for the service's leader";
    case ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_BUILDING:
      return "reading events";
    case ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_COMPARING:
      return "comparing rows";
    case ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_DONE:
      return "done";
    case ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_FAILED:
      return "failed";
    default:
      return "in a state that this program does not know";
  }
}

static void show_counts(const Ordershop__V1__ViewRebuild *rebuild) {
  printf("  events read: %" PRId64 "; rows compared: %" PRId64 ", wrong: %" PRId64 ", missing: %" PRId64
         ", surplus: %" PRId64 "\n",
         rebuild->events_read, rebuild->rows_compared, rebuild->rows_wrong, rebuild->rows_missing,
         rebuild->rows_surplus);
  if (rebuild->events_left_out > 0) {
    printf("  events that the service refuses, and that left nothing: %" PRId64 "\n", rebuild->events_left_out);
  }
}

static void show_end(const Ordershop__V1__ViewRebuild *rebuild, const char *name) {
  int64_t differing = view_show_differing(rebuild);
  if (!rebuild->verify_only) {
    printf("%s was built anew, and is what the events say\n", name);
  } else if (differing > 0) {
    printf("%s is wrong: %" PRId64 " rows differ from what the events say\n", name, differing);
  } else {
    printf("%s is what the events say\n", name);
  }
}

void view_show_rebuild(struct arena *arena, const Ordershop__V1__ViewRebuild *rebuild) {
  static const char *const columns[] = {"key", "kind", "field", "live", "rebuilt", NULL};
  const char *name =
      arena_printf(arena, "%s %s", terminal_line(arena, rebuild->service), terminal_line(arena, rebuild->view));
  if (rebuild->state == ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_DONE) {
    show_end(rebuild, name);
  } else if (rebuild->state == ORDERSHOP__V1__VIEW_REBUILD_STATE__VIEW_REBUILD_STATE_FAILED) {
    printf("%s was left as it is: %s\n", name, terminal_line(arena, rebuild->error));
  } else {
    printf("%s is being %s: %s\n", name, rebuild->verify_only ? "verified" : "built anew", view_show_state(rebuild));
  }
  show_counts(rebuild);
  if (rebuild->n_differences > 0) printf("\n");
  show_table(arena, (const void *const *)rebuild->differences, rebuild->n_differences, columns, NULL);
}
