/* SPDX-License-Identifier: Apache-2.0 */
/* Types that JSON has a form of its own for (https://protobuf.dev/programming-guides/json/), recognised by their
 * descriptors, whether they were compiled or made at run time. Any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

enum json_kind {
  JSON_KIND_FIELDS, /* an object with the message's fields */
  JSON_KIND_TIMESTAMP,
  JSON_KIND_DURATION,
  JSON_KIND_FIELD_MASK,
  JSON_KIND_WRAPPER,    /* google.protobuf.StringValue and its kin: the value, or null */
  JSON_KIND_STRUCT,     /* google.protobuf.Struct: an object */
  JSON_KIND_VALUE,      /* google.protobuf.Value: anything */
  JSON_KIND_LIST_VALUE, /* google.protobuf.ListValue: an array */
};

/* Timestamp, Duration and FieldMask are those that the program was compiled with (message_types.h). */
enum json_kind json_kind_of(const ProtobufCMessageDescriptor *descriptor);

/* Returns whether the field is a map: protoc gives map<string, X> price_list the type PriceListEntry, with `key` and
 * `value`, and refuses other messages of that name. JSON has an object for it. */
bool json_is_map(const ProtobufCFieldDescriptor *field);
