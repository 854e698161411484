/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/projection.h"

#include <string.h>

#include "base/message.h"

const char *event_entity_id(const struct event *event) {
  return message_text(event->entity, "id");
}

static bool tells_deletion(const struct event *event) {
  static const char suffix[] = "_deleted";
  size_t length = strlen(event->stream);
  return length >= sizeof suffix && strcmp(event->stream + length - (sizeof suffix - 1), suffix) == 0;
}

void projection_keep(struct work *work, const struct view *view, const struct event *event) {
  const char *id = event_entity_id(event);
  if (tells_deletion(event)) {
    work_remove(work, view, id);
  } else {
    work_put(work, view, id, event->entity);
  }
}
