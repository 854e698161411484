/* SPDX-License-Identifier: Apache-2.0 */
/* Failover rounds: a shop under load whose master is lost again and again, in all the ways in which that happens.
 *
 * Each round has visitors who sign up and buy, loses the master, and looks whether services find the new one, say
 * exactly what was lost, and do nothing twice. Where answers wait for a replica, nothing that was answered may be lost.
 */
#pragma once

#include "private_masters.h"

enum loss { MASTER_IS_KILLED, MASTER_STANDS_STILL, MASTER_IS_CUT_OFF, LOSSES };

/* Runs a round for each of ORDERSHOP_TEST_FAILOVERS, or for `fewest` of them if that is not set; the first one loses
 * the master as `first` says. */
void failover_rounds(enum loss first, int fewest);

/* Opens the shop in that arrangement, whose answers wait for `wanted` replicas (0 or 1; ORDERSHOP_TEST_REPLICAS, if
 * that is set), and closes it. */
void failover_rounds_open(enum private_arrangement arrangement, int wanted);
void failover_rounds_close(void);
