/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/commands/demo_story.h"

#include <stdarg.h>
#include <stdio.h>

#include "client/cli/output/show.h"

void story_begin(struct story *story, bool json) {
  *story = (struct story){.chapters = json ? json_array() : NULL};
}

void story_chapter(struct story *story, const char *title) {
  story->chapter_count++;
  if (!story->chapters) {
    printf("%s%d. %s\n", story->chapter_count > 1 ? "\n" : "", story->chapter_count, title);
    return;
  }
  story->chapter = json_pack("{s:s, s:[], s:[]}", "title", title, "told", "checks");
  json_array_append_new(story->chapters, story->chapter);
}

void story_tell(struct story *story, const char *format, ...) {
  va_list values;
  va_start(values, format);
  if (story->chapters) {
    json_array_append_new(json_object_get(story->chapter, "told"), json_vsprintf(format, values));
  } else {
    fputs("   ", stdout);
    vprintf(format, values);
    putchar('\n');
  }
  va_end(values);
}

void story_check(struct story *story, bool holds, const char *format, ...) {
  va_list values;
  va_start(values, format);
  if (!holds) story->broken++;
  if (story->chapters) {
    json_array_append_new(json_object_get(story->chapter, "checks"),
                          json_pack("{s:o, s:b}", "what", json_vsprintf(format, values), "holds", holds));
  } else {
    fputs(holds ? "   ok: " : "   NOT SO: ", stdout);
    vprintf(format, values);
    putchar('\n');
    fflush(stdout);
  }
  va_end(values);
}

bool story_end(struct story *story, bool told_to_the_end) {
  bool all = told_to_the_end && story->broken == 0;
  if (story->chapters) {
    show_json_value(json_pack("{s:o, s:b}", "chapters", story->chapters, "allHeld", all));
  } else if (told_to_the_end) {
    printf("\n%s\n", all ? "All of it held." : "Not all of it held; see the lines with NOT SO.");
  }
  return all;
}
