/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that are made at run time: they read what compiled ones read, and bear what anybody may send. */
#include <descriptor_set.h>
#include <google/protobuf/descriptor.pb-c.h>
#include <jansson.h>
#include <ordershop/v1/billing.pb-c.h>
#include <ordershop/v1/crm.pb-c.h>
#include <ordershop/v1/customer.pb-c.h>
#include <ordershop/v1/inventory.pb-c.h>
#include <ordershop/v1/mail.pb-c.h>
#include <ordershop/v1/order.pb-c.h>
#include <ordershop/v1/product.pb-c.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/message_check.h"
#include "client/cli/output/show.h"
#include "message/json_write.h"
#include "message/message_types.h"
#include "suite.h"

static struct arena *arena;

static const char *json_text(const void *message) {
  json_t *json = json_of_message(message);
  char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
  const char *copy = arena_strdup(arena, text);
  free(text);
  json_decref(json);
  return copy;
}

/* ---- the contract's types --------------------------------------------------------------------------------------- */

static const ProtobufCServiceDescriptor *const services[] = {
    &ordershop__v1__billing_service__descriptor,   &ordershop__v1__crm_service__descriptor,
    &ordershop__v1__customer_service__descriptor,  &ordershop__v1__mail_service__descriptor,
    &ordershop__v1__inventory_service__descriptor, &ordershop__v1__order_service__descriptor,
    &ordershop__v1__product_service__descriptor,
};

/* Encodes a message of that type with every field set, three levels deep. */
static size_t encode(const ProtobufCMessageDescriptor *type, int depth, uint8_t *out) {
  uint8_t *at = out;
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    bool is_message = field->type == PROTOBUF_C_TYPE_MESSAGE;
    bool is_text = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES;
    if (is_message && depth == 0) continue;
    for (int times = field->label == PROTOBUF_C_LABEL_REPEATED ? 2 : 1; times > 0; times--) {
      uint32_t tag = field->id << 3 | (is_message || is_text ? 2 : 0);
      if (tag > 0x7f) *at++ = (uint8_t)(tag | 0x80);
      *at++ = (uint8_t)(tag > 0x7f ? tag >> 7 : tag);
      if (is_message) {
        uint8_t inner[8192];
        size_t size = encode(field->descriptor, depth - 1, inner);
        *at++ = (uint8_t)(size | 0x80);
        *at++ = (uint8_t)(size >> 7);
        at = mempcpy(at, inner, size);
      } else {
        at = is_text ? mempcpy(at, "\3Ada", 4) : mempcpy(at, "\1", 1);
      }
    }
  }
  return (size_t)(at - out);
}

static void check_same(struct message_types *types, const ProtobufCMessageDescriptor *compiled) {
  const ProtobufCMessageDescriptor *made;
  uint8_t bytes[65536];
  size_t size = encode(compiled, 3, bytes);
  if (strcmp(compiled->package_name, "ordershop.v1") != 0) return; /* Empty is no business of the set's */
  CU_ASSERT_TRUE_FATAL(status_is_ok(message_types_make(types, compiled->name, &made)));
  const void *left = message_unpack(arena, compiled, bytes, size), *right = message_unpack(arena, made, bytes, size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(left);
  CU_ASSERT_PTR_NOT_NULL_FATAL(right);
  CU_ASSERT_STRING_EQUAL(json_text(right), json_text(left));
  size_t packed_size;
  const void *packed = message_pack(arena, right, &packed_size);
  CU_ASSERT_EQUAL(packed_size, protobuf_c_message_get_packed_size(left));
  CU_ASSERT_PTR_NOT_NULL(message_unpack(arena, compiled, packed, packed_size));
}

static void test_contract(void) {
  struct message_types *types;
  struct status status = message_types_new(arena, ordershop_descriptor_set, ordershop_descriptor_set_size, &types);
  CU_ASSERT_TRUE_FATAL(status_is_ok(status));
  for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
    for (unsigned k = 0; k < services[i]->n_methods; k++) {
      check_same(types, services[i]->methods[k].input);
      check_same(types, services[i]->methods[k].output);
    }
  }
}

/* ---- types of the test's own ------------------------------------------------------------------------------------ */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

static Google__Protobuf__FileDescriptorProto file;
static Google__Protobuf__DescriptorProto *messages[8];
static Google__Protobuf__FieldDescriptorProto *fields[8][1100];

static void begin_file(void) {
  google__protobuf__file_descriptor_proto__init(&file);
  file.name = arena_strdup(arena, "own.proto");
  file.package = arena_strdup(arena, "own.v1");
  file.message_type = messages;
}

static Google__Protobuf__DescriptorProto *add_message(const char *name) {
  Google__Protobuf__DescriptorProto *message = arena_alloc(arena, sizeof(*message));
  google__protobuf__descriptor_proto__init(message);
  message->name = arena_strdup(arena, name);
  message->field = fields[file.n_message_type];
  messages[file.n_message_type++] = message;
  return message;
}

static Google__Protobuf__FieldDescriptorProto *add_field(Google__Protobuf__DescriptorProto *message, const char *name,
                                                         int number, Google__Protobuf__FieldDescriptorProto__Type type,
                                                         const char *of) {
  Google__Protobuf__FieldDescriptorProto *field = arena_alloc(arena, sizeof(*field));
  google__protobuf__field_descriptor_proto__init(field);
  field->name = arena_strdup(arena, name);
  field->has_number = field->has_type = field->has_label = true;
  field->number = number;
  field->type = type;
  field->type_name = of ? arena_strdup(arena, of) : NULL;
  field->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
  message->field[message->n_field++] = field;
  return field;
}

static const void *packed_set(size_t *ret_size) {
  Google__Protobuf__FileDescriptorProto *files[] = {&file};
  Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
  set.n_file = 1;
  set.file = files;
  return message_pack(arena, &set, ret_size);
}

/* The descriptor of own.v1.<name>, or NULL if it can't be made. */
static const ProtobufCMessageDescriptor *made(const char *name) {
  struct message_types *types;
  const ProtobufCMessageDescriptor *descriptor;
  size_t size;
  const void *set = packed_set(&size);
  if (!status_is_ok(message_types_new(arena, set, size, &types))) return NULL;
  struct status status = message_types_make(types, arena_printf(arena, "own.v1.%s", name), &descriptor);
  return status_is_ok(status) ? descriptor : NULL;
}

#define DECODED(type, bytes) json_text(message_unpack(arena, type, bytes, sizeof(bytes) - 1))

static void test_scalars(void) {
  begin_file();
  Google__Protobuf__DescriptorProto *all = add_message("All");
  add_field(all, "double", 1, TYPE(DOUBLE), NULL);
  add_field(all, "float", 2, TYPE(FLOAT), NULL);
  add_field(all, "sint", 3, TYPE(SINT64), NULL);
  add_field(all, "fixed", 4, TYPE(FIXED64), NULL);
  add_field(all, "flag", 5, TYPE(BOOL), NULL);
  add_field(all, "raw", 6, TYPE(BYTES), NULL);
  add_field(all, "word", 7, TYPE(UINT32), NULL);
  add_field(all, "far_away", 536870911, TYPE(STRING), NULL);
  const ProtobufCMessageDescriptor *type = made("All");
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_STRING_EQUAL(
      DECODED(type,
              "\x09\0\0\0\0\0\0\xf8\x3f\x15\0\0\x20\x40\x18\x03\x21\x07\0\0\0\0\0\0\0\x28\x01\x32\x01"
              "a\x38\x96\x01\xfa\xff\xff\xff\x0f\x02hi"),
      "{\"double\":1.5,\"farAway\":\"hi\",\"fixed\":\"7\",\"flag\":true,\"float\":2.5,\"raw\":\"YQ==\","
      "\"sint\":\"-2\",\"word\":150}");
  const void *message = message_unpack(arena, type, "\x09\0\0\0\0\0\0\xf8\x3f\x15\0\0\x20\x40", 14);
  CU_ASSERT_STRING_EQUAL(show_value_text(arena, message, message_field(type, "double")), "1.5");
  CU_ASSERT_STRING_EQUAL(show_value_text(arena, message, message_field(type, "float")), "2.5");
  CU_ASSERT_STRING_EQUAL(show_value_text(arena, message, message_field(type, "far_away")), "");
}

static void test_oneof(void) {
  begin_file();
  Google__Protobuf__DescriptorProto *choice = add_message("Choice");
  Google__Protobuf__OneofDescriptorProto oneof = GOOGLE__PROTOBUF__ONEOF_DESCRIPTOR_PROTO__INIT;
  Google__Protobuf__OneofDescriptorProto *oneofs[] = {&oneof};
  oneof.name = arena_strdup(arena, "what");
  choice->n_oneof_decl = 1;
  choice->oneof_decl = oneofs;
  add_field(choice, "text", 1, TYPE(STRING), NULL)->has_oneof_index = true;
  add_field(choice, "number", 2, TYPE(INT32), NULL)->has_oneof_index = true;
  add_field(choice, "data", 3, TYPE(BYTES), NULL)->has_oneof_index = true;
  const ProtobufCMessageDescriptor *type = made("Choice");
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x10\x07"), "{\"number\":7}");
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x10\x07\x0a\x02hi"), "{\"text\":\"hi\"}");
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x1a\x01z\x10\x07"), "{\"number\":7}");
  CU_ASSERT_STRING_EQUAL(DECODED(type, ""), "{}");
  const void *message = message_unpack(arena, type, "\x10\x07", 2);
  CU_ASSERT_STRING_EQUAL(show_value_text(arena, message, message_field(type, "text")), "");
  CU_ASSERT_STRING_EQUAL(show_value_text(arena, message, message_field(type, "number")), "7");
  choice->field[0]->oneof_index = 1;
  CU_ASSERT_PTR_NULL(made("Choice"));
  choice->field[0]->has_oneof_index = false;
  choice->field[1]->has_oneof_index = choice->field[2]->has_oneof_index = false;
  CU_ASSERT_STRING_EQUAL(DECODED(made("Choice"), ""), "{\"data\":\"\",\"number\":0,\"text\":\"\"}");
}

static void test_enum(void) {
  begin_file();
  static const struct {
    const char *name;
    int number;
  } values[] = {{"MINUS", -1}, {"ZERO", 0}, {"NIL", 0}, {"FAR", 2000000000}};
  Google__Protobuf__EnumDescriptorProto mood = GOOGLE__PROTOBUF__ENUM_DESCRIPTOR_PROTO__INIT;
  Google__Protobuf__EnumValueDescriptorProto value[4], *list[4];
  for (int i = 0; i < 4; i++) {
    google__protobuf__enum_value_descriptor_proto__init(list[i] = &value[i]);
    value[i].name = arena_strdup(arena, values[i].name);
    value[i].has_number = true;
    value[i].number = values[i].number;
  }
  mood.name = arena_strdup(arena, "Mood");
  mood.n_value = 4;
  mood.value = list;
  Google__Protobuf__DescriptorProto *of = add_message("Of");
  Google__Protobuf__EnumDescriptorProto *enums[] = {&mood};
  of->n_enum_type = 1;
  of->enum_type = enums;
  add_field(of, "mood", 1, TYPE(ENUM), ".own.v1.Of.Mood");
  const ProtobufCMessageDescriptor *type = made("Of");
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x08\x80\xa8\xd6\xb9\x07"), "{\"mood\":\"FAR\"}");
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "{\"mood\":\"MINUS\"}");
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x08\x09"), "{\"mood\":9}");
  value[0].name = arena_strdup(arena, "\x1b[2J");
  CU_ASSERT_PTR_NULL(made("Of"));
}

/* The bytes of a message in a message in ..., so many times. */
static const void *nested(size_t depth, size_t *ret_size) {
  uint8_t *bytes = arena_alloc(arena, 4 * depth), *at = bytes + 4 * depth;
  size_t size = 0;
  for (size_t i = 0; i < depth; i++) {
    *--at = (uint8_t)(size >> 14);
    *--at = (uint8_t)(size >> 7 | 0x80);
    *--at = (uint8_t)(size | 0x80);
    *--at = 0x0a;
    size += 4;
  }
  *ret_size = size;
  return at;
}

static void test_within_itself(void) {
  begin_file();
  add_field(add_message("Tree"), "tree", 1, TYPE(MESSAGE), ".own.v1.Tree");
  const ProtobufCMessageDescriptor *type = made("Tree");
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_STRING_EQUAL(DECODED(type, "\x0a\x02\x0a\0"), "{\"tree\":{\"tree\":{}}}");
  size_t size;
  const void *deep = nested(31, &size);
  CU_ASSERT_TRUE(message_fits(type, deep, size, SIZE_MAX));
  deep = nested(100000, &size);
  CU_ASSERT_FALSE(message_fits(type, deep, size, SIZE_MAX));
}

static void test_memory(void) {
  begin_file();
  Google__Protobuf__DescriptorProto *wide = add_message("Wide"), *list = add_message("List");
  for (int i = 1; i <= 1000; i++) add_field(wide, arena_printf(arena, "f%d", i), i, TYPE(STRING), NULL);
  add_field(list, "wide", 1, TYPE(MESSAGE), ".own.v1.Wide")->label =
      GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
  const ProtobufCMessageDescriptor *type = made("List");
  CU_ASSERT_PTR_NOT_NULL_FATAL(type);
  CU_ASSERT_TRUE(message_fits(type, "\x0a\0\x0a\0", 4, 100000));
  CU_ASSERT_FALSE(message_fits(type, "\x0a\0\x0a\0", 4, 20000));
  add_field(wide, "f1001", 1001, TYPE(STRING), NULL);
  CU_ASSERT_PTR_NULL(made("List"));
}

static void test_misfits(void) {
  begin_file();
  Google__Protobuf__DescriptorProto *odd = add_message("Odd");
  Google__Protobuf__FieldDescriptorProto *field = add_field(odd, "f", 1, TYPE(INT32), NULL);
  CU_ASSERT_PTR_NOT_NULL(made("Odd"));
  CU_ASSERT_PTR_NULL(made("Even"));
  field->number = 0;
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->number = INT32_MAX;
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->number = 1;
  field->type = TYPE(GROUP);
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->type = TYPE(MESSAGE);
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->type_name = arena_strdup(arena, ".own.v1.None");
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->type_name = arena_strdup(arena, "Odd");
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->type_name = arena_strdup(arena, ".own.v1.Odd");
  CU_ASSERT_PTR_NOT_NULL(made("Odd"));
  field->type = TYPE(ENUM);
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->type = TYPE(INT32);
  field->name = NULL;
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->name = arena_strdup(arena, "a b");
  CU_ASSERT_PTR_NULL(made("Odd"));
  field->name = arena_strdup(arena, "f");
  Google__Protobuf__FieldDescriptorProto *twin = add_field(odd, "f", 2, TYPE(INT32), NULL);
  CU_ASSERT_PTR_NULL(made("Odd"));
  twin->name = arena_strdup(arena, "g");
  twin->number = 1;
  CU_ASSERT_PTR_NULL(made("Odd"));
  twin->number = 2;
  CU_ASSERT_PTR_NOT_NULL(made("Odd"));
  odd->name = NULL;
  CU_ASSERT_PTR_NULL(made("Odd"));
}

static void test_after_a_misfit(void) {
  begin_file();
  struct message_types *types;
  const ProtobufCMessageDescriptor *descriptor;
  add_field(add_message("Bad"), "f", 1, TYPE(GROUP), NULL);
  add_field(add_message("Uses"), "bad", 1, TYPE(MESSAGE), ".own.v1.Bad");
  size_t size;
  const void *set = packed_set(&size);
  CU_ASSERT_TRUE_FATAL(status_is_ok(message_types_new(arena, set, size, &types)));
  CU_ASSERT_FALSE(status_is_ok(message_types_make(types, "own.v1.Bad", &descriptor)));
  CU_ASSERT_FALSE(status_is_ok(message_types_make(types, "own.v1.Uses", &descriptor)));
}

/* Makes of a set whatever can be made of it, and reads bytes as that. */
static void use_set(const void *set, size_t size) {
  struct message_types *types;
  struct message_type message;
  const ProtobufCMessageDescriptor *descriptor;
  uint8_t bytes[32];
  for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (uint8_t)rand();
  if (!status_is_ok(message_types_new(arena, set, size, &types))) return;
  for (size_t i = 0; message_types_at(types, i, &message); i++) {
    if (!status_is_ok(message_types_make(types, message.name, &descriptor))) return;
    const void *read = message_unpack(arena, descriptor, bytes, sizeof(bytes));
    if (read) json_text(read);
  }
}

static void test_damaged_sets(void) {
  srand(4711);
  for (int round = 0; round < 200; round++) {
    size_t size = ordershop_descriptor_set_size;
    uint8_t *set = (uint8_t *)arena_memdup(arena, ordershop_descriptor_set, size);
    for (int i = 0; i < 1 + round % 20; i++) set[(size_t)rand() % size] = (uint8_t)rand();
    if (round % 10 == 0) size = (size_t)rand() % size;
    use_set(set, size);
    arena_reset(arena);
  }
}

/* A set of types only, small enough for damage to meet what counts. */
static void test_damaged_types(void) {
  for (int round = 0; round < 20000; round++) {
    begin_file();
    Google__Protobuf__DescriptorProto *tree = add_message("Tree"), *leaf = add_message("Leaf");
    add_field(tree, "tree", 1, TYPE(MESSAGE), ".own.v1.Tree");
    add_field(tree, "leaf", 2, TYPE(MESSAGE), ".own.v1.Leaf");
    add_field(leaf, "text", 1, TYPE(STRING), NULL);
    add_field(leaf, "data", 2, TYPE(BYTES), NULL);
    size_t size;
    uint8_t *set = (uint8_t *)packed_set(&size);
    for (int i = 0; i < 1 + round % 3; i++) set[(size_t)rand() % size] = (uint8_t)rand();
    use_set(set, size);
    arena_reset(arena);
  }
}

static void test_too_much(void) {
  struct message_types *types;
  char *large = arena_calloc(arena, 1, MESSAGE_TYPES_SET_MAX + 2);
  CU_ASSERT_FALSE(status_is_ok(message_types_new(arena, large, MESSAGE_TYPES_SET_MAX + 1, &types)));
  for (size_t i = 0; i < MESSAGE_TYPES_SET_MAX; i += 2) large[i] = 0x0a; /* a million files without anything */
  CU_ASSERT_FALSE(status_is_ok(message_types_new(arena, large, MESSAGE_TYPES_SET_MAX, &types)));
  CU_ASSERT_TRUE(status_is_ok(message_types_new(arena, large, 1000, &types)));
}

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

static const struct test tests[] = {
    {"what is made of the contract's descriptors reads all that compiled code reads", test_contract},
    {"every kind of number, text and bytes is read", test_scalars},
    {"of a oneof the member that was set last is read, and no other", test_oneof},
    {"an enum's values have their names, one of several, or their numbers", test_enum},
    {"a message may be within itself, but not deeper than a stack bears", test_within_itself},
    {"a few bytes don't take memory without bound", test_memory},
    {"what protobuf-c can't have is refused", test_misfits},
    {"after what was refused nothing is made of a half-made type", test_after_a_misfit},
    {"a damaged set harms nobody", test_damaged_sets},
    {"damaged types harm nobody", test_damaged_types},
    {"sets that are too large are refused", test_too_much},
};

int main(int argc, char **argv) {
  return suite_main("client_message_types", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
