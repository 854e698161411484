/* SPDX-License-Identifier: Apache-2.0 */
/* Taken mails: those that this process has handed on of late.
 *
 * That a mail was taken is recorded, but a Redis that takes over from another may lack that record, and asks for the
 * mail again. It is not handed on twice then, only recorded again. The last 4,096 at least are remembered, until the
 * process ends, in 144 KiB: base/key_table.h, which keeps texts, would take 1.2 MB. One owner, one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <uuid/uuid.h>

enum { MAIL_GENERATIONS = 3 };

/* A zero-initialised one is empty. When the youngest generation is full, the oldest is forgotten. */
struct mail_taken {
  struct mail_generation {
    uuid_t *slots; /* a hash table; the nil UUID stands for a free slot; NULL while it is empty */
    size_t count;
  } generations[MAIL_GENERATIONS];
  int youngest;
};

/* An id that is no UUID, which no mail has, is not remembered. */
void mail_taken_note(struct mail_taken *taken, const char *mail_id);
bool mail_taken_has(const struct mail_taken *taken, const char *mail_id);
