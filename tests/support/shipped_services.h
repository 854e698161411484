/* SPDX-License-Identifier: Apache-2.0 */
/* The eight services that the shop is shipped with: the first rows of deploy/services.txt, up to event. A service that
 * somebody adds to the tree (docs/own_service.md) comes after them, has a test of its own, and is none that the tests
 * of the shop judge: what it does with events and mails, they can't know. */
#pragma once

#include "client/ordershop_client.h"

#define SHIPPED_SERVICE_COUNT (ORDERSHOP_EVENT + 1)

/* Those of them that own entities and write to Redis: all but event, which comes last. */
#define SHIPPED_OWNER_COUNT (ORDERSHOP_MAIL + 1)
