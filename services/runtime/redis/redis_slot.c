/* SPDX-License-Identifier: Apache-2.0 */
#include "redis/redis_slot.h"

#include <string.h>

enum { SLOTS = 16384 };

/* CRC-16/XMODEM. */
static unsigned crc16(const char *bytes, size_t size) {
  unsigned crc = 0;
  for (size_t i = 0; i < size; i++) {
    crc ^= (unsigned)(unsigned char)bytes[i] << 8;
    for (int bit = 0; bit < 8; bit++) crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
  }
  return crc & 0xffff;
}

int redis_slot_of_prefix(const char *prefix) {
  const char *open = strchr(prefix, '{');
  const char *close = open ? strchr(open, '}') : NULL;
  if (!close || close == open + 1) return -1;
  return (int)(crc16(open + 1, (size_t)(close - open - 1)) % SLOTS);
}

const char *redis_prefix_mistake(const struct redis_url *url, const char *prefix) {
  if (url->arrangement != REDIS_CLUSTER || redis_slot_of_prefix(prefix) >= 0) return NULL;
  return "must have a hash tag, as {shop}: has, since all keys must be in one slot of the cluster";
}
