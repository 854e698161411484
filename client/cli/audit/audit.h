/* SPDX-License-Identifier: Apache-2.0 */
/* Audit: proves of a shop that runs that its log and its state hold what the shop promises (docs/guarantees.md). It
 * reads through the services' public methods alone, and changes nothing.
 *
 * It reads the log from a place on, applies rules to each event in order, and remembers of each entity what its last
 * event said: about 200 bytes, for at most `entities_max` of them. Then it compares that with what the services tell.
 * What changes meanwhile is read again, so what it tells is no matter of time. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/cli/events/event_from.h"
#include "client/ordershop_client.h"

/* Something that does not hold. The texts live until the function that is told returns. */
struct audit_violation {
  const char *rule;        /* "STATE_DIFFERS" */
  const char *entity_type; /* "order"; "" means none */
  const char *id;          /* of the entity; "" means none */
  const char *entry;       /* of the log, where the rule is broken; "" means that it is the state */
  const char *detail;      /* a sentence without a full stop */
};

struct audit_options {
  struct ordershop_client *client;
  struct event_from since; /* EVENT_FROM_BEGINNING audits all */
  int64_t settle_us;       /* how old an event is whose mails must be there */
  size_t entities_max;
  void (*tell)(void *argument, const struct audit_violation *violation);
  void *argument;
};

struct audit_outcome {
  int64_t events;
  char read_to[48];   /* id of an entry: the next audit may begin behind it; "" if the log is empty */
  int64_t violations; /* that were told */
  int64_t undecided;  /* entities that changed each time they were looked at */
  bool is_part;       /* it has ended early, at entities_max */
};

/* Errors: those of the methods that it calls; *ret_outcome is set all the same. */
struct status audit_run(struct arena *arena, const struct audit_options *options, struct audit_outcome *ret_outcome);
