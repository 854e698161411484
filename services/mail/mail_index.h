/* SPDX-License-Identifier: Apache-2.0 */
/* Mail index: mails that were recorded by earlier versions are found by their addresses, too.
 *
 * Those versions kept `mail_by_to:<address>` by the address as it was given; since then its domain is in lower case.
 * Each process copies what older keys hold, those with a capital letter in the domain, once, in small steps; the older
 * keys stay, so that an operator can go back to an older version. Copying again changes nothing. */
#pragma once

#include <stdbool.h>

#include "base/context.h"
#include "base/status.h"
#include "loop/coroutine.h"
#include "store/event_store.h"

/* How far it has come. All zero at first. */
struct mail_index {
  char cursor[24]; /* of SCAN */
  bool complete;
};

/* Makes one step, if there is one left. Errors: as redis_command; then the step is to be made again. */
coroutine_fn struct status mail_index_step(struct mail_index *index, struct event_store *store,
                                           struct context *context);
