/* SPDX-License-Identifier: Apache-2.0 */
/* Type changes: what in a message's descriptors would make events that were written with the former ones unreadable, or
 * read as something else. Any thread.
 *
 * The rules are those of buf's category WIRE_JSON (https://buf.build/docs/breaking/rules), since events are shown as
 * JSON, too, but a type must stay as it is: where int32 becomes int64, versions that run side by side would read
 * different numbers. In the message and in all that it is made of:
 *   - a field keeps its number, type, JSON name, its oneof, and whether it is repeated
 *   - a field that is gone has its number reserved, and what is reserved remains so
 *   - no field is new and `required`
 *   - an enum's value keeps its number and name, or is gone with its number reserved
 * Fields, messages and values that are new change nothing, nor does `optional`. */
#pragma once

#include <google/protobuf/descriptor.pb-c.h>
#include <stddef.h>

#include "base/arena.h"

/* Returns a line for each change of `message` that would break what is stored, each behind a line break and two blanks,
 * of the first twenty; "" if there is none. It is for people:
 *
 *   note.v1.Note: field 3 was string text, is int64 size
 *
 * Types may be nested as deep as their author likes, so it wants a thread's stack. */
const char *type_changes(struct arena *arena, const char *message, const Google__Protobuf__FileDescriptorSet *before,
                         const Google__Protobuf__FileDescriptorSet *now);
