/* SPDX-License-Identifier: Apache-2.0 */
/* Trouble: says in the log once that events can't be handled, and once that they are again; and halts a consumer whose
 * log is not whole. Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "base/status.h"
#include "consumer/progress.h"

struct trouble {
  struct progress *progress; /* its halt_reason is set and cleared */
  bool told;                 /* the log says that there is trouble */
};

/* To be called when a term has failed, with its error. */
void trouble_tell(struct trouble *trouble, struct status status);

/* To be called when events have been handled. */
void trouble_over(struct trouble *trouble);
