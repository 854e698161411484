/* SPDX-License-Identifier: Apache-2.0 */
/* A cluster makes a replica the master of the shop's slot while it is used: services find it, lose nothing that was
 * answered, do nothing twice. */
#include "failover_rounds.h"
#include "suite.h"

static void services_follow_the_cluster(void) {
  failover_rounds(MASTER_STANDS_STILL, 2);
}

static int set_up(void) {
  failover_rounds_open(PRIVATE_CLUSTER, 1);
  return 0;
}

static int tear_down(void) {
  failover_rounds_close();
  return 0;
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"services follow the cluster to each new master, lose nothing that was answered, and do nothing twice",
       services_follow_the_cluster},
  };
  return suite_main("cluster failover", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
