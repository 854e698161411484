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

/* What the view keeps of an entity; one of another type is left to work_put, which refuses it. */
static const void *kept_of(struct arena *arena, const struct view *view, const void *entity) {
  if (!view->fields[0] || ((const ProtobufCMessage *)entity)->descriptor != view->record) return entity;
  void *kept = message_new(arena, view->record);
  for (int i = 0; i < VIEW_FIELDS && view->fields[i]; i++) {
    message_share_field(kept, entity, message_field(view->record, view->fields[i]));
  }
  message_share_unknown(kept, entity);
  return kept;
}

void projection_keep(struct work *work, const struct view *view, const struct event *event) {
  const char *id = event_entity_id(event);
  if (tells_deletion(event)) {
    work_remove(work, view, id);
  } else {
    work_put(work, view, id, kept_of(work_arena(work), view, event->entity));
  }
}
