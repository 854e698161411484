/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign_reader.h"

#include <stdio.h>
#include <string.h>

static const char words_of_rights[] = "on >" FOREIGN_READER_PASSWORD
                                      " resetchannels +time +ping +role +info|server +client|setname +client|id"
                                      " +client|unblock +multi +exec";

void foreign_reader_admit(struct private_redis *redis) {
  char words[512], *rest;
  snprintf(words, sizeof words, "%s", words_of_rights);
  private_redis_command(redis, "ACL SETUSER reader reset %s %s", "(+get +set +watch ~ordershop_clock)",
                        "(+xread +xrevrange +type +xinfo|stream %R~events:*)");
  for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
    private_redis_command(redis, "ACL SETUSER reader %s", word);
  }
}

const char *foreign_reader_url(struct private_redis *redis, struct arena *arena) {
  return arena_printf(arena, "redis://reader@127.0.0.1:%d/0", private_redis_port(redis));
}
