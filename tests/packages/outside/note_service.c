/* SPDX-License-Identifier: Apache-2.0 */
/* Note: a service outside OrderShop's tree. It keeps notes, and listens to its own events to count texts. */
#include <notes/v1/note.pb-c.h>
#include <string.h>

#include "consumer/work.h"
#include "notebook_brand.h"
#include "service/entity_command.h"

extern const unsigned char notebook_note_descriptor_set[];
extern const size_t notebook_note_descriptor_set_size;

static const struct entity_type note_type = {.name = "note", .descriptor = &notes__v1__note__descriptor};

static void check_note(struct violations *violations, const char *path, const void *entity, const char *field) {
  const Notes__V1__Note *note = entity;
  if (strcmp(field, "text") == 0) check_name(violations, path, note->text);
}

static const struct resource notes = {.type = &note_type, .input_fields = {"text"}, .check = check_note};

static const struct rpc_method methods[] = {
    {.name = "CreateNote", .handler = entity_create, .resource = &notes},
    {.name = "GetNote", .handler = entity_get, .resource = &notes},
    {.name = "DeleteNote", .handler = entity_delete, .resource = &notes},
};

/* The hash note_counts: how often each text was written. */
static const struct view counts = {.name = "counts", .record = &notes__v1__text_count__descriptor};

static const char *text_of(const struct event *event) {
  return ((const Notes__V1__Note *)event->entity)->text;
}

static void want_count(struct work *work, const struct event *event) {
  work_want(work, &counts, text_of(event));
}

static struct status add_count(struct work *work, const struct event *event) {
  void *before;
  struct status status = work_get(work, &counts, text_of(event), &before);
  if (!status_is_ok(status)) return status;
  Notes__V1__TextCount after = NOTES__V1__TEXT_COUNT__INIT;
  after.text = (char *)text_of(event);
  after.count = 1 + (before ? ((Notes__V1__TextCount *)before)->count : 0);
  work_put(work, &counts, after.text, &after);
  return status_ok();
}

static const struct subscription subscriptions[] = {
    {.entity = &notes__v1__note__descriptor, .created = add_count, .want = want_count},
};

static const struct service_definition note_service = {
    .brand = &notebook_brand,
    .name = "note",
    .purpose = "keeps notes",
    .port = 50059,
    .services = {{.descriptor = &notes__v1__note_service__descriptor, .methods = ROWS(methods)}},
    .descriptor_set = {notebook_note_descriptor_set, &notebook_note_descriptor_set_size},
    .views = {&counts},
    .subscriptions = ROWS(subscriptions),
};

int main(int argc, char **argv) {
  return service_main(&note_service, argc, argv);
}
