/* SPDX-License-Identifier: Apache-2.0 */
/* Messages by descriptor: what generic code needs of protobuf-c messages whose types it does not know. Any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* Packs the message into the arena. */
void *message_pack(struct arena *arena, const void *message, size_t *ret_size);

/* Unpacks a message. Returns NULL if the bytes are not of that type. */
void *message_unpack(struct arena *arena, const ProtobufCMessageDescriptor *descriptor, const void *bytes, size_t size);

/* Returns an empty message of that type. */
void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *descriptor);

/* Returns whether both would pack to the same bytes. */
bool message_equal(struct arena *arena, const void *left, const void *right);

/* Returns the descriptor of a field. Ends the process if there is none: a type that does not fit its use is an error of
 * the program. */
const ProtobufCFieldDescriptor *message_field(const ProtobufCMessageDescriptor *descriptor, const char *name);

/* Returns where the field's value (or pointer) is. */
void *message_member(const void *message, const ProtobufCFieldDescriptor *field);

/* Get and set singular fields by name. Texts are never NULL. Timestamps are Unix microseconds. A field of another kind,
 * or a number that it can't hold, ends the process, as in message_field. */
const char *message_text(const void *message, const char *name);
int64_t message_number(const void *message, const char *name);
void message_set_text(void *message, const char *name, const char *value);
void message_set_number(void *message, const char *name, int64_t value);
void message_set_time(struct arena *arena, void *message, const char *name, int64_t unix_us);

/* Returns the field whose type is `type`, singular or repeated, or NULL if there is none. */
const ProtobufCFieldDescriptor *message_field_of_type(const ProtobufCMessageDescriptor *descriptor,
                                                      const ProtobufCMessageDescriptor *type);

/* Return whether the message has such a field, by its name or by its message type. */
bool message_has_field(const ProtobufCMessageDescriptor *descriptor, const char *name, ProtobufCType type,
                       bool repeated);
bool message_has_message(const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessageDescriptor *type,
                         bool repeated);

/* Makes `to`'s field what `from`'s is; both are of the same type. What the field points to is shared. */
void message_share_field(void *to, const void *from, const ProtobufCFieldDescriptor *field);

/* Does the same for all fields that the type does not have, but that a newer version of it may have. */
void message_share_unknown(void *to, const void *from);

/* Drops the fields that the type does not have, in the message and in all messages within it. */
void message_drop_unknown(void *message);

/* Returns a copy of the message itself, whose fields point to what the original's point to. */
void *message_share(struct arena *arena, const void *message);

/* Returns whether both have the same value in that field. */
bool message_field_equal(struct arena *arena, const void *left, const void *right,
                         const ProtobufCFieldDescriptor *field);

/* Returns the size of one value of a field, as it lies in the message or in a repeated field's array. */
size_t message_value_size(const ProtobufCFieldDescriptor *field);

/* Get and set a repeated field; the values of one that has neither messages nor texts are numbers in a row. */
size_t message_repeated_count(const void *message, const ProtobufCFieldDescriptor *field);
void *const *message_repeated_values(const void *message, const ProtobufCFieldDescriptor *field);
void message_set_repeated(void *message, const ProtobufCFieldDescriptor *field, void **values, size_t count);

/* Returns false if the field is a oneof's, and another one of it is set, or none. */
bool message_is_chosen(const void *message, const ProtobufCFieldDescriptor *field);

/* Returns a message type's name ("GiftCard") as the streams and keys of its entities have it ("gift_card"). */
const char *message_snake_case(struct arena *arena, const char *short_name);

/* Returns a singular field's value for people: texts as they are, numbers, names of enum values, timestamps as RFC
 * 3339. Returns NULL for repeated fields, other messages, and what is not set of a oneof. */
const char *message_field_text(struct arena *arena, const void *message, const ProtobufCFieldDescriptor *field);
