/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/load_random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct load_random load_random_new(void) {
  struct load_random random;
  if (getrandom(random.state, sizeof(random.state), 0) != sizeof(random.state)) abort(); /* so little never fails */
  random.state[0] |= 1;                                                                  /* not all may be 0 */
  return random;
}

uint64_t load_random_next(struct load_random *random) {
  uint64_t old = random->state[0], current = random->state[1];
  random->state[0] = current;
  old ^= old << 23;
  random->state[1] = old ^ current ^ (old >> 18) ^ (current >> 5);
  return random->state[1] + current;
}

/* Of version 4, variant 1 (RFC 9562). */
void load_random_uuid(struct load_random *random, char *to) {
  static const char digits[] = "0123456789abcdef", form[] = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
  uint64_t bits = 0;
  memcpy(to, form, sizeof(form) - 1);
  for (int i = 0, left = 0; i < (int)sizeof(form) - 1; i++) {
    if (form[i] != 'x') continue;
    if (left == 0) bits = load_random_next(random);
    left = left == 0 ? 15 : left - 1;
    to[i] = digits[bits & 15];
    bits >>= 4;
  }
}
