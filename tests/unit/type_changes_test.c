/* SPDX-License-Identifier: Apache-2.0 */
/* What would break stored events: one change after another of an order's descriptors. */
#include "service/type_changes.h"

#include <descriptor_set.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "message/message_types.h"
#include "service/type_set.h"
#include "suite.h"

typedef Google__Protobuf__FileDescriptorSet file_set;
typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

static struct arena *arena;

static struct descriptor_index *contract(void) {
  struct descriptor_index *index;
  const struct descriptor_set set = {ordershop_descriptor_set, &ordershop_descriptor_set_size};
  CU_ASSERT_TRUE_FATAL(status_is_ok(descriptor_index_new(arena, &set, 1, &index)));
  return index;
}

static ProtobufCBinaryData packed_set(const char *name) {
  ProtobufCBinaryData set;
  CU_ASSERT_TRUE_FATAL(status_is_ok(type_set_of(arena, contract(), name, &set)));
  return set;
}

/* ---- changes ---------------------------------------------------------------------------------------------------- */

/* What a change has to do with: the set of an order's, or of a mail's, descriptors. */
struct draft {
  file_set *set;
  file_proto *file; /* the last one: the entity's */
  message_proto *entity;
};

static struct draft draft_of(const char *name) {
  ProtobufCBinaryData bytes = packed_set(name);
  struct draft draft = {.set = (file_set *)type_set_unpack(arena, bytes.data, bytes.len)};
  CU_ASSERT_PTR_NOT_NULL_FATAL(draft.set);
  draft.file = draft.set->file[draft.set->n_file - 1];
  draft.entity = (message_proto *)type_set_message(draft.set, name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(draft.entity);
  return draft;
}

static field_proto *field(struct draft *draft, const char *name) {
  for (size_t i = 0; i < draft->entity->n_field; i++) {
    if (strcmp(draft->entity->field[i]->name, name) == 0) return draft->entity->field[i];
  }
  CU_FAIL_FATAL("no such field");
  return NULL;
}

static void remove_field(message_proto *message, size_t index) {
  message->n_field--;
  memmove(message->field + index, message->field + index + 1, (message->n_field - index) * sizeof *message->field);
}

static void add_field(struct draft *draft, int number, const char *name) {
  field_proto *added = arena_alloc(arena, sizeof *added);
  google__protobuf__field_descriptor_proto__init(added);
  added->name = added->json_name = (char *)name;
  added->has_number = added->has_label = added->has_type = true;
  added->number = number;
  added->label = LABEL(OPTIONAL);
  added->type = TYPE(STRING);
  field_proto **fields = arena_calloc(arena, draft->entity->n_field + 1, sizeof(*fields));
  memcpy(fields, draft->entity->field, draft->entity->n_field * sizeof *fields);
  fields[draft->entity->n_field++] = added;
  draft->entity->field = fields;
}

static void reserve(message_proto *message, int start, int end) {
  Google__Protobuf__DescriptorProto__ReservedRange *range = arena_alloc(arena, sizeof *range), **ranges;
  google__protobuf__descriptor_proto__reserved_range__init(range);
  range->has_start = range->has_end = true;
  range->start = start;
  range->end = end;
  ranges = arena_calloc(arena, message->n_reserved_range + 1, sizeof(*ranges));
  if (message->n_reserved_range > 0)
    memcpy(ranges, message->reserved_range, message->n_reserved_range * sizeof *ranges);
  ranges[message->n_reserved_range++] = range;
  message->reserved_range = ranges;
}

static void put_into_oneof(struct draft *draft, const char *name, const char *oneof) {
  Google__Protobuf__OneofDescriptorProto *made = arena_alloc(arena, sizeof *made), **oneofs;
  google__protobuf__oneof_descriptor_proto__init(made);
  made->name = (char *)oneof;
  oneofs = arena_calloc(arena, 1, sizeof(*oneofs));
  oneofs[0] = made;
  draft->entity->oneof_decl = oneofs;
  draft->entity->n_oneof_decl = 1;
  field(draft, name)->has_oneof_index = true;
  field(draft, name)->oneof_index = 0;
}

static enum_proto *statuses(struct draft *draft) {
  return draft->file->enum_type[0];
}

/* Returns the lines with which `after`, made of the same draft as `before`, would break. */
static const char *broken(const char *name, void (*before)(struct draft *), void (*after)(struct draft *)) {
  struct draft was = draft_of(name), is = draft_of(name);
  if (before) before(&was);
  if (after) after(&is);
  return type_changes(arena, name, was.set, is.set);
}

#define ORDER "ordershop.v1.Order"
#define MAIL "ordershop.v1.Mail"

#define CHECK_FITS(name, before, after) CU_ASSERT_STRING_EQUAL(broken(name, before, after), "")
#define CHECK_BREAKS(name, before, after, line) CU_ASSERT_STRING_EQUAL(broken(name, before, after), "\n  " line)

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static void add_note(struct draft *draft) {
  add_field(draft, 16, "note");
}

static void test_same(void) {
  CHECK_FITS(ORDER, NULL, NULL);
  CHECK_FITS(MAIL, NULL, NULL);
  CHECK_FITS(ORDER, NULL, add_note);
}

static void drop_total(struct draft *draft) {
  remove_field(draft->entity, 4);
}

static void drop_total_and_reserve(struct draft *draft) {
  drop_total(draft);
  reserve(draft->entity, 4, 6);
}

static void test_gone(void) {
  CHECK_BREAKS(ORDER, NULL, drop_total, "ordershop.v1.Order: field 5 was int64 total_cents, is gone and not reserved");
  CHECK_FITS(ORDER, NULL, drop_total_and_reserve);
}

static void reuse_total(struct draft *draft) {
  drop_total(draft);
  add_field(draft, 5, "note");
}

static void swap_names(struct draft *draft) {
  field_proto *id = field(draft, "id"), *customer = field(draft, "customer_id");
  char *name = id->name, *json = id->json_name;
  id->name = customer->name;
  id->json_name = customer->json_name;
  customer->name = name;
  customer->json_name = json;
}

static void test_reused(void) {
  CHECK_BREAKS(ORDER, NULL, reuse_total, "ordershop.v1.Order: field 5 was int64 total_cents, is string note");
  CHECK_BREAKS(ORDER, NULL, swap_names,
               "ordershop.v1.Order: field 1 was string id, is string customer_id\n"
               "  ordershop.v1.Order: field 2 was string customer_id, is string id");
}

static void narrow_total(struct draft *draft) {
  field(draft, "total_cents")->type = TYPE(INT32);
}

static void sign_total(struct draft *draft) {
  field(draft, "total_cents")->type = TYPE(SINT64);
}

static void rename_in_proto_only(struct draft *draft) {
  field(draft, "total_cents")->name = "total";
}

static void test_type(void) {
  CHECK_BREAKS(ORDER, NULL, narrow_total, "ordershop.v1.Order: field 5 was int64 total_cents, is int32 total_cents");
  CHECK_BREAKS(ORDER, narrow_total, NULL, "ordershop.v1.Order: field 5 was int32 total_cents, is int64 total_cents");
  CHECK_BREAKS(ORDER, NULL, sign_total, "ordershop.v1.Order: field 5 was int64 total_cents, is sint64 total_cents");
  CHECK_FITS(ORDER, NULL, rename_in_proto_only);
}

static void another_message(struct draft *draft) {
  field(draft, "items")->type_name = ".google.protobuf.Timestamp";
}

static void test_message_type(void) {
  CHECK_BREAKS(ORDER, NULL, another_message,
               "ordershop.v1.Order: field 4 was repeated ordershop.v1.OrderItem items, is repeated "
               "google.protobuf.Timestamp items");
}

static void single_items(struct draft *draft) {
  field(draft, "items")->label = LABEL(OPTIONAL);
}

static void optional_total(struct draft *draft) {
  put_into_oneof(draft, "total_cents", "_total_cents");
  field(draft, "total_cents")->has_proto3_optional = field(draft, "total_cents")->proto3_optional = true;
}

static void required_total(struct draft *draft) {
  field(draft, "total_cents")->label = LABEL(REQUIRED);
}

static void test_cardinality(void) {
  CHECK_BREAKS(
      ORDER, NULL, single_items,
      "ordershop.v1.Order: field 4 was repeated ordershop.v1.OrderItem items, is ordershop.v1.OrderItem items");
  CHECK_FITS(ORDER, NULL, optional_total);
  CHECK_FITS(ORDER, optional_total, NULL);
  CHECK_BREAKS(ORDER, NULL, required_total,
               "ordershop.v1.Order: field 5, int64 total_cents, is required, which stored events may lack");
  CHECK_FITS(ORDER, required_total, NULL);
}

static void total_in_oneof(struct draft *draft) {
  put_into_oneof(draft, "total_cents", "price");
}

static void test_oneof(void) {
  CHECK_BREAKS(ORDER, NULL, total_in_oneof,
               "ordershop.v1.Order: field 5 was int64 total_cents, is int64 total_cents in the oneof price");
  CHECK_BREAKS(ORDER, total_in_oneof, NULL,
               "ordershop.v1.Order: field 5 was int64 total_cents in the oneof price, is int64 total_cents");
  CHECK_FITS(ORDER, total_in_oneof, total_in_oneof);
}

static void reserve_high(struct draft *draft) {
  reserve(draft->entity, 100, 536870912); /* to max */
}

static void reserve_high_in_parts(struct draft *draft) {
  reserve(draft->entity, 200, 536870912);
  reserve(draft->entity, 90, 200);
}

static void reserve_high_with_a_gap(struct draft *draft) {
  reserve(draft->entity, 201, 536870912);
  reserve(draft->entity, 90, 200);
}

static void use_reserved(struct draft *draft) {
  add_field(draft, 100, "note");
  reserve(draft->entity, 101, 536870912);
}

static void test_reserved(void) {
  CHECK_FITS(ORDER, reserve_high, reserve_high_in_parts);
  CHECK_BREAKS(ORDER, reserve_high, NULL, "ordershop.v1.Order: field 100 was reserved, is not");
  CHECK_BREAKS(ORDER, reserve_high, reserve_high_with_a_gap, "ordershop.v1.Order: field 200 was reserved, is not");
  CHECK_BREAKS(ORDER, reserve_high, use_reserved, "ordershop.v1.Order: field 100 was reserved, is string note");
}

/* ---- what messages are made of ---------------------------------------------------------------------------------- */

static void change_item(struct draft *draft) {
  message_proto *item = (message_proto *)type_set_message(draft->set, "ordershop.v1.OrderItem");
  item->field[3]->number = 5;
}

static void test_inner_message(void) {
  CHECK_BREAKS(ORDER, NULL, change_item,
               "ordershop.v1.OrderItem: field 4 was int64 quantity, is gone and not reserved");
}

static void drop_message(struct draft *draft) {
  draft->entity->name = "Purchase";
}

static void test_message_gone(void) {
  CHECK_BREAKS(ORDER, NULL, drop_message, "ordershop.v1.Order: is gone");
}

/* A message within itself, as a tree is. */
static void nest(struct draft *draft) {
  add_field(draft, 16, "parent");
  field(draft, "parent")->type = TYPE(MESSAGE);
  field(draft, "parent")->type_name = "." ORDER;
}

static void test_recursion(void) {
  CHECK_FITS(ORDER, nest, nest);
}

/* ---- enums ------------------------------------------------------------------------------------------------------ */

static void drop_failed(struct draft *draft) {
  statuses(draft)->n_value--;
}

static void drop_failed_and_reserve(struct draft *draft) {
  Google__Protobuf__EnumDescriptorProto__EnumReservedRange *range = arena_alloc(arena, sizeof *range), **ranges;
  google__protobuf__enum_descriptor_proto__enum_reserved_range__init(range);
  range->has_start = range->has_end = true;
  range->start = range->end = statuses(draft)->value[statuses(draft)->n_value - 1]->number;
  ranges = arena_calloc(arena, 1, sizeof(*ranges));
  ranges[0] = range;
  statuses(draft)->reserved_range = ranges;
  statuses(draft)->n_reserved_range = 1;
  drop_failed(draft);
}

static void rename_failed(struct draft *draft) {
  statuses(draft)->value[3]->name = "MAIL_STATUS_LOST";
}

static void alias_failed(struct draft *draft) {
  statuses(draft)->value[2]->number = 3;
}

static void test_enum(void) {
  CHECK_BREAKS(MAIL, NULL, drop_failed,
               "ordershop.v1.MailStatus: value 3 was MAIL_STATUS_FAILED, is gone and not reserved");
  CHECK_FITS(MAIL, NULL, drop_failed_and_reserve);
  CHECK_FITS(MAIL, drop_failed, NULL);
  CHECK_BREAKS(MAIL, NULL, rename_failed,
               "ordershop.v1.MailStatus: value 3 was MAIL_STATUS_FAILED, is MAIL_STATUS_LOST");
  CHECK_BREAKS(MAIL, NULL, alias_failed,
               "ordershop.v1.MailStatus: value 2 was MAIL_STATUS_SENT, is gone and not reserved");
  CHECK_BREAKS(MAIL, drop_failed_and_reserve, drop_failed, "ordershop.v1.MailStatus: value 3 was reserved, is not");
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

static void add_many(struct draft *draft) {
  for (int i = 0; i < 25; i++) add_field(draft, 100 + i, arena_printf(arena, "note_%d", i));
}

static void test_many(void) {
  const char *lines = broken(ORDER, add_many, NULL);
  CU_ASSERT_PTR_NOT_NULL(strstr(lines, "field 119 was string note_19, is gone and not reserved\n  and 5 more"));
  CU_ASSERT_PTR_NULL(strstr(lines, "field 120"));
}

/* ---- sets ------------------------------------------------------------------------------------------------------- */

/* What is left can be used on its own, and says nothing of services, requests and comments. */
static void test_set(void) {
  ProtobufCBinaryData bytes = packed_set(ORDER);
  const file_set *set = type_set_unpack(arena, bytes.data, bytes.len);
  CU_ASSERT_PTR_NOT_NULL_FATAL(set);
  CU_ASSERT_EQUAL(set->n_file, 2);
  CU_ASSERT_PTR_NOT_NULL(type_set_message(set, "ordershop.v1.OrderItem"));
  CU_ASSERT_PTR_NULL(type_set_message(set, "ordershop.v1.CreateOrderRequest"));
  CU_ASSERT_PTR_NULL(type_set_message(set, "Order"));
  CU_ASSERT_PTR_NULL(type_set_message(set, "ordershop.v1.Order.OrderItem"));
  CU_ASSERT_TRUE(bytes.len < 2000);
  const ProtobufCMessageDescriptor *made;
  struct message_types *types;
  CU_ASSERT_TRUE_FATAL(status_is_ok(message_types_new(arena, bytes.data, bytes.len, &types)));
  CU_ASSERT_TRUE(status_is_ok(message_types_make(types, ORDER, &made)));
}

static void test_unknown_message(void) {
  ProtobufCBinaryData set;
  struct status status = type_set_of(arena, contract(), "ordershop.v1.Nothing", &set);
  CU_ASSERT_STRING_EQUAL(status_reason(status), "DESCRIPTOR_SET_INVALID");
  CU_ASSERT_STRING_EQUAL(status.message, "The descriptor set has no ordershop.v1.Nothing.");
}

/* Of a message it keeps what is nested, too, and the enums. */
static void test_all_messages(void) {
  static const char *const names[] = {MAIL, "ordershop.v1.Interaction", "ordershop.v1.GetEntityAtResponse",
                                      "google.protobuf.FileDescriptorSet"};
  for (size_t i = 0; i < SUITE_SIZE(names); i++) {
    ProtobufCBinaryData bytes = packed_set(names[i]);
    const ProtobufCMessageDescriptor *made;
    struct message_types *types;
    CU_ASSERT_TRUE_FATAL(status_is_ok(message_types_new(arena, bytes.data, bytes.len, &types)));
    CU_ASSERT_TRUE(status_is_ok(message_types_make(types, names[i], &made)));
    const file_set *set = type_set_unpack(arena, bytes.data, bytes.len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(set);
    CU_ASSERT_STRING_EQUAL(type_changes(arena, names[i], set, set), "");
  }
}

/* Compares what the bytes hold with what was there, both ways. */
static void compare_damaged(const uint8_t *bytes, const ProtobufCBinaryData *whole) {
  const file_set *damaged = type_set_unpack(arena, bytes, whole->len),
                 *right = type_set_unpack(arena, whole->data, whole->len);
  if (damaged) (void)type_changes(arena, MAIL, damaged, right);
  if (damaged) (void)type_changes(arena, MAIL, right, damaged);
  arena_reset(arena);
}

/* Whoever may write to Redis may write this. */
static void test_garbage(void) {
  ProtobufCBinaryData whole = packed_set(MAIL);
  uint8_t *kept = malloc(whole.len), *damaged = malloc(whole.len);
  memcpy(kept, whole.data, whole.len);
  memcpy(damaged, whole.data, whole.len);
  whole.data = kept;
  for (size_t i = 0; i < whole.len; i++) {
    for (int change = 1; change < 256; change *= 4) {
      damaged[i] = (uint8_t)(kept[i] ^ change);
      compare_damaged(damaged, &whole);
    }
    damaged[i] = kept[i];
  }
  for (size_t size = 0; size < whole.len; size++) (void)type_set_unpack(arena, kept, size);
  free(kept);
  free(damaged);
}

static int set_up(void) {
  arena = arena_new();
  return 0;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"the same, and what is new, breaks nothing", test_same},
      {"a field that is gone breaks events unless its number is reserved", test_gone},
      {"a number that another field has breaks events", test_reused},
      {"another type of a field breaks events, another name in the proto alone doesn't", test_type},
      {"another message in a field breaks events", test_message_type},
      {"a field that is repeated no more, or required, breaks events, `optional` doesn't", test_cardinality},
      {"a field that moves into a oneof, or out of one, breaks events", test_oneof},
      {"what was reserved remains so", test_reserved},
      {"a message within is compared, too", test_inner_message},
      {"a message that is gone breaks events", test_message_gone},
      {"a message within itself is compared once", test_recursion},
      {"an enum's value keeps number and name, or is reserved", test_enum},
      {"of many changes the first are told", test_many},
      {"a set has the message, what it is made of, and nothing else", test_set},
      {"a message that is nowhere is named", test_unknown_message},
      {"sets of all kinds of messages are whole", test_all_messages},
      {"a damaged set harms nobody", test_garbage},
  };
  return suite_main("type_changes", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
