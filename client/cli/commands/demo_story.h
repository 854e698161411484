/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the demo's story, which has chapters, what happens in them and what has to hold; in plain text as it happens,
 * or as one JSON object at the end. One thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct story {
  json_t *chapters; /* NULL means plain */
  json_t *chapter;  /* borrowed: the one that is being told */
  int chapter_count;
  int broken; /* checks that did not hold */
};

void story_begin(struct story *story, bool json);

void story_chapter(struct story *story, const char *title);
void story_tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells something that has to hold, and counts it if it doesn't. */
void story_check(struct story *story, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Says and returns whether all of it held. */
bool story_end(struct story *story, bool told_to_the_end);
