/* SPDX-License-Identifier: Apache-2.0 */
/* Sentinels make a replica the shop's Redis while it is used: services find it, say what was lost, do nothing twice. */
#include "failover_rounds.h"
#include "suite.h"

static void services_follow_the_sentinels(void) {
  failover_rounds(MASTER_IS_CUT_OFF, 2);
}

static int set_up(void) {
  failover_rounds_open(PRIVATE_SENTINELS, 0);
  return 0;
}

static int tear_down(void) {
  failover_rounds_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"services follow the sentinels to each new master, say what is lost, and do nothing twice",
       services_follow_the_sentinels},
  };
  return suite_main("sentinel failover", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
