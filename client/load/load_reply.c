/* SPDX-License-Identifier: Apache-2.0 */
/* Finds an id in a packed reply: unpacking all of it would cost more than the call itself. */
#include "base/wire.h"
#include "client/load/load.h"

const char *load_reply_id(const struct call *call, unsigned field) {
  if (call->reply.size < CALL_PREFIX_BYTES) return NULL;
  struct wire left =
      wire_of((const uint8_t *)call->reply.bytes + CALL_PREFIX_BYTES, call->reply.size - CALL_PREFIX_BYTES);
  struct wire_field taken;
  while (left.at < left.end && wire_take_field(&left, &taken)) {
    bool is_id = taken.number == field && taken.type == WIRE_DELIMITED && wire_size(&taken.value) == LOAD_ID_BYTES;
    if (is_id) return (const char *)taken.value.at;
  }
  return NULL;
}
