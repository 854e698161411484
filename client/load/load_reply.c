/* SPDX-License-Identifier: Apache-2.0 */
/* Finds an id in a packed reply: unpacking all of it would cost more than the call itself. */
#include <string.h>

#include "client/load/load.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* protobuf's wire types */

struct cursor {
  const uint8_t *at, *end;
};

/* Returns false at the end, and where the bytes are no number. */
static bool read_varint(struct cursor *cursor, uint64_t *ret_number) {
  *ret_number = 0;
  for (int shift = 0; cursor->at < cursor->end && shift < 64; shift += 7) {
    uint8_t byte = *cursor->at++;
    *ret_number |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return true;
  }
  return false;
}

/* Sets the cursor behind a value that is `size` long if it is of bytes. */
static bool skip(struct cursor *cursor, unsigned type, uint64_t *ret_size) {
  uint64_t number, size = type == FIXED64 ? 8 : type == FIXED32 ? 4 : 0;
  if (type == VARINT) return read_varint(cursor, &number);
  if (type == BYTES && !read_varint(cursor, &size)) return false;
  if (size > (uint64_t)(cursor->end - cursor->at)) return false;
  cursor->at += size;
  *ret_size = size;
  return type != 3 && type != 4; /* groups are no more */
}

const char *load_reply_id(const struct call *call, unsigned field) {
  if (call->reply.size < CALL_PREFIX_BYTES) return NULL;
  const uint8_t *bytes = (const uint8_t *)call->reply.bytes;
  struct cursor cursor = {bytes + CALL_PREFIX_BYTES, bytes + call->reply.size};
  for (uint64_t tag; read_varint(&cursor, &tag);) {
    uint64_t size = 0;
    if (!skip(&cursor, tag & 7, &size)) return NULL;
    if (tag >> 3 == field && (tag & 7) == BYTES && size == LOAD_ID_BYTES) return (const char *)cursor.at - size;
  }
  return NULL;
}
