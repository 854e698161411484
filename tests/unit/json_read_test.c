/* SPDX-License-Identifier: Apache-2.0 */
/* Messages from JSON, by protobuf's mapping and its corner cases. The types are made at run time. */
#include <google/protobuf/descriptor.pb-c.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "message/json_read.h"
#include "message/json_write.h"
#include "message/message_types.h"
#include "suite.h"

static struct arena *arena;
static const ProtobufCMessageDescriptor *all;

/* ---- a type with a field of each kind --------------------------------------------------------------------------- */

typedef Google__Protobuf__FieldDescriptorProto field_proto;

static field_proto *add_field(Google__Protobuf__DescriptorProto *message, const char *name, int type, const char *of) {
  field_proto *field = message_new(arena, &google__protobuf__field_descriptor_proto__descriptor);
  field->name = arena_strdup(arena, name);
  field->has_number = field->has_type = field->has_label = true;
  field->number = (int)message->n_field + 1;
  field->type = (Google__Protobuf__FieldDescriptorProto__Type)type;
  field->type_name = of ? arena_strdup(arena, of) : NULL;
  field->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
  message->field[message->n_field++] = field;
  return field;
}

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define REPEATED GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED

static Google__Protobuf__DescriptorProto *new_message(const char *name) {
  Google__Protobuf__DescriptorProto *message = message_new(arena, &google__protobuf__descriptor_proto__descriptor);
  message->name = arena_strdup(arena, name);
  message->field = arena_calloc(arena, 32, sizeof(*message->field));
  message->nested_type = arena_calloc(arena, 4, sizeof(*message->nested_type));
  return message;
}

static Google__Protobuf__FileDescriptorProto *new_file(const char *name, const char *package) {
  Google__Protobuf__FileDescriptorProto *file =
      message_new(arena, &google__protobuf__file_descriptor_proto__descriptor);
  file->name = arena_strdup(arena, name);
  file->package = arena_strdup(arena, package);
  file->message_type = arena_calloc(arena, 8, sizeof(*file->message_type));
  file->enum_type = arena_calloc(arena, 2, sizeof(*file->enum_type));
  return file;
}

static void add_enum(Google__Protobuf__FileDescriptorProto *file, const char *name, const char *const *values) {
  Google__Protobuf__EnumDescriptorProto *made =
      message_new(arena, &google__protobuf__enum_descriptor_proto__descriptor);
  made->name = arena_strdup(arena, name);
  made->value = arena_calloc(arena, 4, sizeof(*made->value));
  for (; *values; values++) {
    Google__Protobuf__EnumValueDescriptorProto *value =
        message_new(arena, &google__protobuf__enum_value_descriptor_proto__descriptor);
    value->name = arena_strdup(arena, *values);
    value->has_number = true;
    value->number = (int)made->n_value;
    made->value[made->n_value++] = value;
  }
  file->enum_type[file->n_enum_type++] = made;
}

static Google__Protobuf__DescriptorProto *add_map(Google__Protobuf__DescriptorProto *message, const char *scope,
                                                  const char *name, const char *entry, int value, const char *of) {
  Google__Protobuf__DescriptorProto *made = new_message(entry);
  add_field(made, "key", TYPE(STRING), NULL);
  add_field(made, "value", value, of);
  message->nested_type[message->n_nested_type++] = made;
  add_field(message, name, TYPE(MESSAGE), arena_printf(arena, "%s.%s", scope, entry))->label = REPEATED;
  return made;
}

/* google/protobuf/struct.proto and wrappers.proto, which this program was not compiled with. */
static Google__Protobuf__FileDescriptorProto *struct_file(void) {
  static const char *const nulls[] = {"NULL_VALUE", NULL};
  Google__Protobuf__FileDescriptorProto *file = new_file("google/protobuf/struct.proto", "google.protobuf");
  Google__Protobuf__DescriptorProto *object = new_message("Struct"), *value = new_message("Value"),
                                    *list = new_message("ListValue"), *wrapper = new_message("StringValue"),
                                    *oneof[] = {value};
  add_map(object, ".google.protobuf.Struct", "fields", "FieldsEntry", TYPE(MESSAGE), ".google.protobuf.Value");
  add_enum(file, "NullValue", nulls);
  add_field(value, "null_value", TYPE(ENUM), ".google.protobuf.NullValue");
  add_field(value, "number_value", TYPE(DOUBLE), NULL);
  add_field(value, "string_value", TYPE(STRING), NULL);
  add_field(value, "bool_value", TYPE(BOOL), NULL);
  add_field(value, "struct_value", TYPE(MESSAGE), ".google.protobuf.Struct");
  add_field(value, "list_value", TYPE(MESSAGE), ".google.protobuf.ListValue");
  for (size_t i = 0; i < oneof[0]->n_field; i++) oneof[0]->field[i]->has_oneof_index = true;
  value->oneof_decl = arena_calloc(arena, 1, sizeof(*value->oneof_decl));
  value->oneof_decl[0] = message_new(arena, &google__protobuf__oneof_descriptor_proto__descriptor);
  value->oneof_decl[0]->name = arena_strdup(arena, "kind");
  value->n_oneof_decl = 1;
  add_field(list, "values", TYPE(MESSAGE), ".google.protobuf.Value")->label = REPEATED;
  add_field(wrapper, "value", TYPE(STRING), NULL);
  Google__Protobuf__DescriptorProto *messages[] = {object, value, list, wrapper};
  for (size_t i = 0; i < 4; i++) file->message_type[file->n_message_type++] = messages[i];
  return file;
}

static Google__Protobuf__FileDescriptorProto *time_file(void) {
  static const char *const names[] = {"Timestamp", "Duration", "FieldMask"};
  Google__Protobuf__FileDescriptorProto *file = new_file("google/protobuf/time.proto", "google.protobuf");
  for (size_t i = 0; i < 3; i++) file->message_type[file->n_message_type++] = new_message(names[i]);
  return file;
}

static Google__Protobuf__FileDescriptorProto *all_file(void) {
  static const char *const colours[] = {"COLOUR_UNSPECIFIED", "COLOUR_RED", NULL};
  Google__Protobuf__FileDescriptorProto *file = new_file("all.proto", "test");
  Google__Protobuf__DescriptorProto *message = new_message("All");
  add_enum(file, "Colour", colours);
  add_field(message, "int32_one", TYPE(INT32), NULL);
  add_field(message, "int64_one", TYPE(INT64), NULL);
  add_field(message, "uint32_one", TYPE(UINT32), NULL);
  add_field(message, "uint64_one", TYPE(UINT64), NULL);
  add_field(message, "double_one", TYPE(DOUBLE), NULL);
  add_field(message, "float_one", TYPE(FLOAT), NULL);
  add_field(message, "bool_one", TYPE(BOOL), NULL);
  add_field(message, "bytes_one", TYPE(BYTES), NULL);
  add_field(message, "text_one", TYPE(STRING), NULL);
  add_field(message, "colour", TYPE(ENUM), ".test.Colour");
  add_field(message, "numbers", TYPE(INT32), NULL)->label = REPEATED;
  add_field(message, "flags", TYPE(BOOL), NULL)->label = REPEATED;
  add_map(message, ".test.All", "price_list", "PriceListEntry", TYPE(INT64), NULL);
  add_field(message, "time", TYPE(MESSAGE), ".google.protobuf.Timestamp");
  add_field(message, "wait", TYPE(MESSAGE), ".google.protobuf.Duration");
  add_field(message, "mask", TYPE(MESSAGE), ".google.protobuf.FieldMask");
  add_field(message, "wrapped", TYPE(MESSAGE), ".google.protobuf.StringValue");
  add_field(message, "anything", TYPE(MESSAGE), ".google.protobuf.Value");
  add_field(message, "inner", TYPE(MESSAGE), ".test.All");
  field_proto *maybe = add_field(message, "maybe", TYPE(INT32), NULL);
  maybe->has_proto3_optional = maybe->proto3_optional = true;
  maybe->has_oneof_index = true;
  maybe->oneof_index = 1;
  message->oneof_decl = arena_calloc(arena, 2, sizeof(*message->oneof_decl));
  for (size_t i = 0; i < 2; i++) {
    message->oneof_decl[i] = message_new(arena, &google__protobuf__oneof_descriptor_proto__descriptor);
    message->oneof_decl[i]->name = arena_printf(arena, "choice%zu", i);
  }
  message->n_oneof_decl = 2;
  add_field(message, "by_text", TYPE(STRING), NULL)->has_oneof_index = true;
  add_field(message, "by_number", TYPE(INT32), NULL)->has_oneof_index = true;
  file->message_type[file->n_message_type++] = message;
  return file;
}

static int set_up(void) {
  arena = arena_new();
  Google__Protobuf__FileDescriptorProto *files[] = {struct_file(), time_file(), all_file()};
  Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
  set.file = files;
  set.n_file = 3;
  size_t size;
  const void *bytes = message_pack(arena, &set, &size);
  struct message_types *types;
  struct status status = message_types_new(arena, bytes, size, &types);
  if (status_is_ok(status)) status = message_types_make(types, "test.All", &all);
  if (!status_is_ok(status)) printf("%s\n", status.message);
  return status_is_ok(status) ? 0 : -1;
}

static int tear_down(void) {
  arena_free(arena);
  return 0;
}

/* ---- reading and writing again ---------------------------------------------------------------------------------- */

static struct status read_as(const char *text, enum json_unknown unknown, ProtobufCMessage **ret_message) {
  json_error_t error;
  json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
  if (!json) printf("\n    %s: %s\n", text, error.text);
  CU_ASSERT_PTR_NOT_NULL_FATAL(json);
  *ret_message = message_new(arena, all);
  struct status status = json_read_message(arena, json, unknown, *ret_message);
  json_decref(json);
  return status;
}

/* What a member becomes on the way through the message and its bytes: as JSON, or the error. */
static const char *member_of(const char *text, const char *name) {
  ProtobufCMessage *message;
  struct status status = read_as(text, JSON_UNKNOWN_REFUSED, &message);
  if (!status_is_ok(status)) return status.message;
  size_t size;
  const void *bytes = message_pack(arena, message, &size);
  json_t *json = json_of_message(message_unpack(arena, all, bytes, size));
  const json_t *member = json_object_get(json, name);
  char *dumped = member ? json_dumps(member, JSON_ENCODE_ANY | JSON_COMPACT) : strdup("(absent)");
  const char *copy = arena_strdup(arena, dumped);
  free(dumped);
  json_decref(json);
  return copy;
}

#define BECOMES(text, name, expected)                                                    \
  do {                                                                                   \
    const char *is = member_of(text, name);                                              \
    if (strcmp(is, expected) != 0) printf("\n    %s: %s, not %s\n", text, is, expected); \
    CU_ASSERT_STRING_EQUAL(is, expected);                                                \
  } while (0)

static void integers_are_numbers_or_texts_of_their_range(void) {
  BECOMES("{\"int32One\": -2147483648}", "int32One", "-2147483648");
  BECOMES("{\"int32One\": 2147483648}", "int32One", "int32One is not a whole number of 32 bits");
  BECOMES("{\"int32One\": 1.5}", "int32One", "int32One is not a whole number of 32 bits");
  BECOMES("{\"int32One\": 1e2}", "int32One", "100");
  BECOMES("{\"int32One\": \" 1\"}", "int32One", "int32One is not a whole number of 32 bits");
  BECOMES("{\"int32One\": \"\"}", "int32One", "int32One is not a whole number of 32 bits");
  BECOMES("{\"int32One\": true}", "int32One", "int32One is not a whole number of 32 bits");
  BECOMES("{\"int64One\": \"9223372036854775807\"}", "int64One", "\"9223372036854775807\"");
  BECOMES("{\"int64One\": \"9223372036854775808\"}", "int64One", "int64One is not a whole number of 64 bits");
  BECOMES("{\"int64One\": 9223372036854775807}", "int64One", "\"9223372036854775807\"");
  BECOMES("{\"int64One\": 1e19}", "int64One", "int64One is not a whole number of 64 bits");
  BECOMES("{\"uint32One\": 4294967295}", "uint32One", "4294967295");
  BECOMES("{\"uint32One\": -1}", "uint32One", "uint32One is not a number from 0 to 2^32 - 1");
  BECOMES("{\"uint64One\": \"18446744073709551615\"}", "uint64One", "\"18446744073709551615\"");
  BECOMES("{\"uint64One\": \"-1\"}", "uint64One", "uint64One is not a number from 0 to 2^64 - 1");
}

static void reals_are_numbers_or_texts_that_stand_for_them(void) {
  BECOMES("{\"doubleOne\": \"NaN\"}", "doubleOne", "\"NaN\"");
  BECOMES("{\"doubleOne\": \"-Infinity\"}", "doubleOne", "\"-Infinity\"");
  BECOMES("{\"doubleOne\": \"1.25\"}", "doubleOne", "1.25");
  BECOMES("{\"doubleOne\": \"inf\"}", "doubleOne", "doubleOne is not a number");
  BECOMES("{\"doubleOne\": \"0x10\"}", "doubleOne", "doubleOne is not a number");
  BECOMES("{\"doubleOne\": \"1e999\"}", "doubleOne", "doubleOne is not a number");
  BECOMES("{\"floatOne\": 0.1}", "floatOne", "0.10000000000000001");
  BECOMES("{\"floatOne\": 1e39}", "floatOne", "floatOne is too large a number");
}

static void bytes_are_base64_of_either_alphabet(void) {
  BECOMES("{\"bytesOne\": \"+/8=\"}", "bytesOne", "\"+/8=\"");
  BECOMES("{\"bytesOne\": \"-_8\"}", "bytesOne", "\"+/8=\"");
  BECOMES("{\"bytesOne\": \"\"}", "bytesOne", "\"\"");
  BECOMES("{\"bytesOne\": \"A\"}", "bytesOne", "bytesOne is not base64");
  BECOMES("{\"bytesOne\": \"AA=\"}", "bytesOne", "bytesOne is not base64");
  BECOMES("{\"bytesOne\": \"A A=\"}", "bytesOne", "bytesOne is not base64");
}

static void enums_are_names_or_numbers(void) {
  BECOMES("{\"colour\": \"COLOUR_RED\"}", "colour", "\"COLOUR_RED\"");
  BECOMES("{\"colour\": 1}", "colour", "\"COLOUR_RED\"");
  BECOMES("{\"colour\": 7}", "colour", "7");
  BECOMES("{\"colour\": \"red\"}", "colour", "colour has no such value");
}

static void null_means_not_set(void) {
  BECOMES("{\"int32One\": null, \"inner\": null, \"numbers\": null}", "inner", "(absent)");
  BECOMES("{\"numbers\": [1, null]}", "numbers", "numbers[1] is null");
  BECOMES("{\"anything\": null}", "anything", "null");
  BECOMES("{\"wrapped\": null}", "wrapped", "(absent)");
}

static void lists_have_elements_of_any_type(void) {
  BECOMES("{\"numbers\": [1, \"2\", -3]}", "numbers", "[1,2,-3]");
  BECOMES("{\"flags\": [true, false, true]}", "flags", "[true,false,true]");
  BECOMES("{\"numbers\": 1}", "numbers", "numbers is not a list");
}

static void maps_are_objects(void) {
  BECOMES("{\"priceList\": {\"b\": 2, \"a\": \"1\"}}", "priceList", "{\"b\":\"2\",\"a\":\"1\"}");
  BECOMES("{\"priceList\": []}", "priceList", "priceList is not an object");
  BECOMES("{\"priceList\": {\"a\": null}}", "priceList", "priceList[\"a\"] is null");
}

static void times_are_of_rfc_3339(void) {
  BECOMES("{\"time\": \"2019-01-28T18:21:18.802091Z\"}", "time", "\"2019-01-28T18:21:18.802091Z\"");
  BECOMES("{\"time\": \"2019-01-28T18:21:18+01:30\"}", "time", "\"2019-01-28T16:51:18Z\"");
  BECOMES("{\"time\": \"2020-02-29T00:00:00.5-00:00\"}", "time", "\"2020-02-29T00:00:00.500Z\"");
  BECOMES("{\"time\": \"2019-02-29T00:00:00Z\"}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
  BECOMES("{\"time\": \"2019-01-28 18:21:18Z\"}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
  BECOMES("{\"time\": \"2019-01-28T18:21:18\"}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
  BECOMES("{\"time\": \"2019-01-28T18:21:18.1234567890Z\"}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
  BECOMES("{\"time\": \"0000-01-28T18:21:18Z\"}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
  BECOMES("{\"time\": 7}", "time", "time is not a time such as 2019-01-28T18:21:18Z");
}

static void durations_are_seconds(void) {
  BECOMES("{\"wait\": \"1.5s\"}", "wait", "\"1.500s\"");
  BECOMES("{\"wait\": \"-0.25s\"}", "wait", "\"-0.250s\"");
  BECOMES("{\"wait\": \"315576000001s\"}", "wait", "wait is not a duration such as 1.5s");
  BECOMES("{\"wait\": \"1.5\"}", "wait", "wait is not a duration such as 1.5s");
  BECOMES("{\"wait\": \"s\"}", "wait", "wait is not a duration such as 1.5s");
  BECOMES("{\"wait\": \"1.s\"}", "wait", "wait is not a duration such as 1.5s");
}

static void masks_are_one_text(void) {
  BECOMES("{\"mask\": \"priceCents,user.displayName\"}", "mask", "\"priceCents,user.displayName\"");
  BECOMES("{\"mask\": \"price_cents\"}", "mask", "\"priceCents\"");
  BECOMES("{\"mask\": \"\"}", "mask", "\"\"");
  BECOMES("{\"mask\": \"*\"}", "mask", "\"*\"");
}

static void wrappers_and_values_are_what_they_hold(void) {
  BECOMES("{\"wrapped\": \"x\"}", "wrapped", "\"x\"");
  BECOMES("{\"anything\": {\"a\": [1.5, \"x\", null, true, {}]}}", "anything", "{\"a\":[1.5,\"x\",null,true,{}]}");
}

static void what_is_optional_tells_whether_it_is_set(void) {
  BECOMES("{\"maybe\": 0}", "maybe", "0");
  BECOMES("{}", "maybe", "(absent)");
}

static void of_a_oneof_one_is_set(void) {
  BECOMES("{\"byNumber\": 0}", "byNumber", "0");
  BECOMES("{\"byNumber\": 0}", "byText", "(absent)");
  BECOMES("{\"byNumber\": 0, \"byText\": \"x\"}", "byText", "byText can't be set beside another one of its kind");
  BECOMES("{\"byNumber\": null, \"byText\": \"x\"}", "byText", "\"x\"");
}

static void unknown_names_are_refused_or_ignored(void) {
  ProtobufCMessage *message;
  BECOMES("{\"inner\": {\"int32_On\": 1}}", "inner", "\"int32_On\" is not a field here; did you mean \"int32_one\"?");
  CU_ASSERT_TRUE(
      status_is_ok(read_as("{\"inner\": {\"no\": [{}]}, \"colour\": \"NEW\"}", JSON_UNKNOWN_IGNORED, &message)));
  CU_ASSERT_FALSE(status_is_ok(read_as("{\"int32One\": \"x\"}", JSON_UNKNOWN_IGNORED, &message)));
}

static const char *violated(const char *text) {
  ProtobufCMessage *message;
  struct status status = read_as(text, JSON_UNKNOWN_REFUSED, &message);
  return status.details && status.details->violations ? status.details->violations->field : "nothing";
}

/* In words as it is written, and as the proto has it. */
static void an_error_names_the_place(void) {
  CU_ASSERT_STRING_EQUAL(violated("{\"inner\": {\"inner\": {\"numbers\": [1, \"x\"]}}}"), "inner.inner.numbers[1]");
  CU_ASSERT_STRING_EQUAL(violated("{\"inner\": {\"int32One\": \"x\"}}"), "inner.int32_one");
  CU_ASSERT_STRING_EQUAL(violated("{\"inner\": {\"int32_one\": \"x\"}}"), "inner.int32_one");
  CU_ASSERT_STRING_EQUAL(violated("{\"priceList\": {\"a\": \"x\"}}"), "price_list[\"a\"]");
  CU_ASSERT_STRING_EQUAL(violated("{\"inner\": {\"int32On\": 1}}"), "inner.int32On");
  CU_ASSERT_STRING_EQUAL(violated("{\"int32One\": 1}"), "nothing");
  BECOMES("{\"inner\": {\"int32One\": \"x\"}}", "inner", "inner.int32One is not a whole number of 32 bits");
  BECOMES("[]", "inner", "the message is not an object");
}

static void what_is_too_deep_is_refused(void) {
  const char *text = "{}";
  for (int i = 0; i < 70; i++) text = arena_printf(arena, "{\"inner\": %s}", text);
  CU_ASSERT_PTR_NOT_NULL(strstr(member_of(text, "inner"), "is too deep"));
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"integers are numbers or texts, of their range", integers_are_numbers_or_texts_of_their_range},
      {"reals are numbers, or texts that stand for them", reals_are_numbers_or_texts_that_stand_for_them},
      {"bytes are base64 of either alphabet", bytes_are_base64_of_either_alphabet},
      {"enums are names or numbers", enums_are_names_or_numbers},
      {"null means not set", null_means_not_set},
      {"lists have elements of any type", lists_have_elements_of_any_type},
      {"maps are objects", maps_are_objects},
      {"times are of RFC 3339", times_are_of_rfc_3339},
      {"durations are seconds", durations_are_seconds},
      {"masks are one text", masks_are_one_text},
      {"wrappers and values are what they hold", wrappers_and_values_are_what_they_hold},
      {"what is optional tells whether it is set", what_is_optional_tells_whether_it_is_set},
      {"of a oneof one is set", of_a_oneof_one_is_set},
      {"unknown names are refused or ignored", unknown_names_are_refused_or_ignored},
      {"an error names the place", an_error_names_the_place},
      {"what is too deep is refused", what_is_too_deep_is_refused},
  };
  return suite_main("messages from JSON", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
