/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the rebuild of a view to people. One thread, since it writes to standard output. */
#pragma once

#include <ordershop/v1/view.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

/* Writes what has come of it, or how far it is: a sentence, and the rows that differ. */
void view_show_rebuild(struct arena *arena, const Ordershop__V1__ViewRebuild *rebuild);

/* Returns how many rows of the live view differ, or differed before it was replaced. */
int64_t view_show_differing(const Ordershop__V1__ViewRebuild *rebuild);

/* Returns what it does at present, in a word or two: "reading events". */
const char *view_show_state(const Ordershop__V1__ViewRebuild *rebuild);

/* Returns whether it is neither done nor failed. */
bool view_show_is_open(const Ordershop__V1__ViewRebuild *rebuild);
