/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer alarm: says in the log once that events can't be handled, and once that they are again; and halts a consumer
 * whose log is not whole. Threads: the loop's. */
#pragma once

#include <stdbool.h>

#include "base/status.h"
#include "consumer/progress.h"

struct consumer_alarm {
  struct progress *progress; /* its halt_reason is set and cleared */
  bool raised;               /* the log says so */
};

/* To be called when a term has failed, with its error. */
void consumer_alarm_raise(struct consumer_alarm *alarm, struct status status);

/* To be called when events have been handled. */
void consumer_alarm_clear(struct consumer_alarm *alarm);
