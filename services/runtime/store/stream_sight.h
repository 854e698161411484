/* SPDX-License-Identifier: Apache-2.0 */
/* Stream sight: what streams hold, and what they held before somebody trimmed them or deleted entries. */
#pragma once

#include <stdbool.h>

#include "store/event_store.h"

struct stream_sight {
  bool exists;          /* all else is empty where it doesn't */
  const char *first;    /* id of the first entry; "": there are none */
  const char *last;     /* of the last entry that ever was; "0-0": none */
  const char *deleted;  /* the highest id that was deleted one by one; "0-0": none. Trimming doesn't count */
  int64_t added;        /* entries that ever were */
  int64_t length;       /* entries that are */
  const char *group_at; /* how far the service's consumer group is; "": there is no group */
  int64_t group_read;   /* entries that ever were up to there; -1: unknown */
};

/* Looks at `keys->count` streams; *ret_sights, one for each, lives in the context's arena. With `groups` also at the
 * service's group in each, which needs the right to. Parks. Errors: as redis_command. */
struct status streams_look(struct event_store *store, struct context *context, const struct redis_arguments *keys,
                           bool groups, const struct stream_sight **ret_sights);
