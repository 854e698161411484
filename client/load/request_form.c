/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/request_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"

enum { ELEMENTS = 10, AMOUNT_BYTES = 5 /* of a varint from 2^28 to 2^35 - 1 */ };

/* A form in the making. */
struct drawing {
  struct arena *arena;
  struct request_form form;
  size_t room; /* for blanks */
  int products;
  int64_t *amounts; /* what stands in the blanks until they are found */
  char **texts;
};

/* ---- drawing ---------------------------------------------------------------------------------------------------- */

/* Something unmistakable of the length that will be there. */
static size_t add_blank(struct drawing *drawing, const struct load_field *field) {
  size_t number = drawing->form.blank_count++;
  drawing->form.blanks[number] = (struct request_blank){.source = field->source, .kind = field->kind};
  drawing->texts[number] = arena_printf(drawing->arena, "L%035zu", number);
  drawing->amounts[number] = LOAD_AMOUNT_MIN + (int64_t)number;
  if (field->source == SOURCE_OWN) drawing->form.own[field->kind]++;
  return number;
}

static char *text_for(struct drawing *drawing, const struct load_field *field) {
  if (field->source == SOURCE_TEXT) return (char *)field->text;
  return drawing->texts[add_blank(drawing, field)];
}

static int64_t number_for(struct drawing *drawing, const struct load_field *field) {
  if (field->source == SOURCE_TEXT) return atoll(field->text);
  return drawing->amounts[add_blank(drawing, field)];
}

static void draw(struct drawing *drawing, void *message, const struct load_field *load, const char *path);

static void draw_list(struct drawing *drawing, void *message, const ProtobufCFieldDescriptor *field,
                      const struct load_field *load, const char *rest) {
  size_t count = strcmp(field->name, "product_ids") == 0 ? (size_t)drawing->products : ELEMENTS;
  void **values = message_repeated_count(message, field) > 0 ? (void **)message_repeated_values(message, field) : NULL;
  if (!values) values = arena_calloc(drawing->arena, count, sizeof(*values));
  for (size_t i = 0; i < count; i++) {
    if (field->type == PROTOBUF_C_TYPE_STRING) {
      values[i] = text_for(drawing, load);
    } else {
      if (!values[i]) values[i] = message_new(drawing->arena, field->descriptor);
      draw(drawing, values[i], load, rest);
    }
  }
  message_set_repeated(message, field, values, count);
}

/* Sets the field at `path` below `message`. */
static void draw(struct drawing *drawing, void *message, const struct load_field *load, const char *path) {
  size_t length = strcspn(path, ".");
  const char *name = arena_memdup(drawing->arena, path, length), *rest = path + length + (path[length] == '.');
  const ProtobufCFieldDescriptor *field = message_field(((ProtobufCMessage *)message)->descriptor, name);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    draw_list(drawing, message, field, load, rest);
  } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    void **part = message_member(message, field);
    if (!*part) *part = message_new(drawing->arena, field->descriptor);
    draw(drawing, *part, load, rest);
  } else if (field->type == PROTOBUF_C_TYPE_STRING) {
    message_set_text(message, name, text_for(drawing, load));
  } else {
    message_set_number(message, name, number_for(drawing, load));
  }
}

/* ---- packing ---------------------------------------------------------------------------------------------------- */

static void write_amount(uint8_t *to, int64_t amount) {
  for (int i = 0; i < AMOUNT_BYTES; i++)
    to[i] = (uint8_t)((amount >> (7 * i) & 127) | (i < AMOUNT_BYTES - 1 ? 128 : 0));
}

static void find_blanks(struct drawing *drawing) {
  struct request_form *form = &drawing->form;
  for (size_t i = 0; i < form->blank_count; i++) {
    uint8_t amount[AMOUNT_BYTES];
    write_amount(amount, drawing->amounts[i]);
    bool is_amount = form->blanks[i].source == SOURCE_AMOUNT;
    const uint8_t *at = is_amount ? memmem(form->bytes, form->size, amount, sizeof(amount))
                                  : memmem(form->bytes, form->size, drawing->texts[i], LOAD_ID_BYTES);
    form->blanks[i].offset = (size_t)(at - form->bytes);
  }
}

static void pack(struct drawing *drawing, const ProtobufCMessage *message) {
  struct request_form *form = &drawing->form;
  size_t size = protobuf_c_message_get_packed_size(message);
  form->size = CALL_PREFIX_BYTES + size;
  form->bytes = arena_calloc(drawing->arena, form->size, 1);
  for (int i = 0; i < 4; i++) form->bytes[1 + i] = (uint8_t)(size >> (24 - 8 * i));
  protobuf_c_message_pack(message, form->bytes + CALL_PREFIX_BYTES);
}

struct request_form request_form_new(struct arena *arena, const struct load_command *command, int products) {
  static const struct load_field request_id = {.path = "request_id", .source = SOURCE_RANDOM};
  const ProtobufCMethodDescriptor *method =
      protobuf_c_service_descriptor_get_method_by_name(ordershop_service_descriptor(command->service), command->method);
  struct drawing drawing = {.arena = arena, .products = products};
  drawing.room = (size_t)products + 8 * ELEMENTS;
  drawing.form.blanks = arena_calloc(arena, drawing.room, sizeof(*drawing.form.blanks));
  drawing.texts = arena_calloc(arena, drawing.room, sizeof(*drawing.texts));
  drawing.amounts = arena_calloc(arena, drawing.room, sizeof(*drawing.amounts));
  ProtobufCMessage *message = message_new(arena, method->input);
  for (const struct load_field *field = command->fields; field->path; field++)
    draw(&drawing, message, field, field->path);
  if (message_has_field(method->input, "request_id", PROTOBUF_C_TYPE_STRING, false)) {
    draw(&drawing, message, &request_id, request_id.path);
  }
  pack(&drawing, message);
  find_blanks(&drawing);
  return drawing.form;
}

/* ---- filling in ------------------------------------------------------------------------------------------------- */

const char *request_form_fill(const struct request_form *form, struct load_shop *shop, struct load_random *random,
                              uint8_t *to, char position[CALL_POSITION_MAX]) {
  memcpy(to, form->bytes, form->size);
  position[0] = '\0';
  for (size_t i = 0; i < form->blank_count; i++) {
    const struct request_blank *blank = &form->blanks[i];
    uint8_t *at = to + blank->offset;
    if (blank->source == SOURCE_RANDOM) load_random_uuid(random, (char *)at);
    if (blank->source == SOURCE_ANY) memcpy(at, load_ids_pick(&shop->any[blank->kind], random)->id, LOAD_ID_BYTES);
    if (blank->source == SOURCE_AMOUNT) {
      write_amount(at, LOAD_AMOUNT_MIN + (int64_t)(load_random_next(random) % (LOAD_AMOUNT_MAX - LOAD_AMOUNT_MIN)));
    }
    if (blank->source == SOURCE_OWN) {
      const struct load_id own = load_ids_take(&shop->own[blank->kind]);
      memcpy(at, own.id, LOAD_ID_BYTES);
      memcpy(position, own.position, CALL_POSITION_MAX);
    }
  }
  return position[0] ? position : NULL;
}
