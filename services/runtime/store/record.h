/* SPDX-License-Identifier: Apache-2.0 */
/* Record: a message on its way into Redis. What is stored must be readable by everybody, so what a handler has made is
 * checked before it is packed. Any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Room for what a request of at most 1 MiB grows into, such as an order with its products' names, and a quarter of what
 * clients take as an answer (rpc_client.h). */
#define RECORD_BYTES_MAX (2 << 20)

struct record {
  const void *bytes;
  size_t size;
  const char *fault; /* NULL if it can be stored; else why it can't, for people */
};

/* Packs `message`, which must be of the type `type`, have no NULL where a value must be, at most RECORD_BYTES_MAX
 * bytes, and UTF-8 in its strings. */
struct record record_of(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message);

/* Checks only whether it is a message of that type, with a value wherever one must be. Returns NULL if it is. */
const char *record_type_fault(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message);
