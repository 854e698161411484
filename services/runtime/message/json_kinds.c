/* SPDX-License-Identifier: Apache-2.0 */
#include "message/json_kinds.h"

#include <ctype.h>
#include <google/protobuf/duration.pb-c.h>
#include <google/protobuf/field_mask.pb-c.h>
#include <google/protobuf/timestamp.pb-c.h>
#include <string.h>

static bool is_wrapper(const ProtobufCMessageDescriptor *descriptor) {
  static const char *const wrappers[] = {"DoubleValue", "FloatValue", "Int64Value",  "UInt64Value", "Int32Value",
                                         "UInt32Value", "BoolValue",  "StringValue", "BytesValue"};
  for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
    if (strcmp(descriptor->short_name, wrappers[i]) == 0) return descriptor->n_fields == 1;
  }
  return false;
}

enum json_kind json_kind_of(const ProtobufCMessageDescriptor *descriptor) {
  if (descriptor == &google__protobuf__timestamp__descriptor) return JSON_KIND_TIMESTAMP;
  if (descriptor == &google__protobuf__duration__descriptor) return JSON_KIND_DURATION;
  if (descriptor == &google__protobuf__field_mask__descriptor) return JSON_KIND_FIELD_MASK;
  if (strncmp(descriptor->name, "google.protobuf.", strlen("google.protobuf.")) != 0) return JSON_KIND_FIELDS;
  if (is_wrapper(descriptor)) return JSON_KIND_WRAPPER;
  if (strcmp(descriptor->name, "google.protobuf.Struct") == 0) return JSON_KIND_STRUCT;
  if (strcmp(descriptor->name, "google.protobuf.Value") == 0) return JSON_KIND_VALUE;
  if (strcmp(descriptor->name, "google.protobuf.ListValue") == 0) return JSON_KIND_LIST_VALUE;
  return JSON_KIND_FIELDS;
}

/* price_list -> PriceListEntry */
static bool is_named_as_entry(const char *entry, const char *field) {
  bool begins = true;
  for (; *field; field++) {
    if (*field == '_') {
      begins = true;
      continue;
    }
    if (*entry++ != (begins ? (char)toupper((unsigned char)*field) : *field)) return false;
    begins = false;
  }
  return strcmp(entry, "Entry") == 0;
}

bool json_is_map(const ProtobufCFieldDescriptor *field) {
  if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
  const ProtobufCMessageDescriptor *entry = field->descriptor;
  return entry->n_fields == 2 && entry->fields[0].id == 1 && strcmp(entry->fields[0].name, "key") == 0 &&
         entry->fields[1].id == 2 && strcmp(entry->fields[1].name, "value") == 0 &&
         is_named_as_entry(entry->short_name, field->name);
}
