/* SPDX-License-Identifier: Apache-2.0 */
#include "base/random_bytes.h"

#include <stddef.h>
#include <string.h>
#include <sys/random.h>

/* They are taken from the kernel for many ids at once, since each question is a call of the system. */
bool random_bytes(unsigned char bytes[RANDOM_BYTES]) {
  enum { SIZE = 256 * RANDOM_BYTES };
  static _Thread_local unsigned char pool[SIZE];
  static _Thread_local size_t left;
  if (left == 0) {
    if (getrandom(pool, SIZE, 0) != SIZE) return false;
    left = SIZE;
  }
  left -= RANDOM_BYTES;
  memcpy(bytes, pool + left, RANDOM_BYTES);
  return true;
}
