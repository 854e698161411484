/* Record: a message on its way into Redis. What is stored must be readable again by everybody: hence what a handler has
 * made is checked before it is packed. Any thread. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* A mail with its body of 1 MiB fits; so does it into a request or reply, with something to spare (rpc_server.h). */
#define RECORD_BYTES_MOST ((1 << 20) + (32 << 10))

struct record {
  const void *bytes;
  size_t size;
  const char *fault; /* NULL: it is packed; else why it can't be, for people */
};

/* Packs `message`, which must be of the type `type`, have no NULL where a value must be, at most RECORD_BYTES_MOST
 * bytes, and UTF-8 in its strings. */
struct record record_of(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message);

/* Only whether it is a message of that type, with a value wherever one must be; NULL: it is. */
const char *record_type_fault(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *message);
