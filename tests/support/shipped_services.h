/* SPDX-License-Identifier: Apache-2.0 */
/* The seven services that the shop is shipped with: the first rows of deploy/services.txt, up to mail. A service that
 * somebody adds to the tree (docs/own_service.md) comes after them, has a test of its own, and is none that the tests
 * of the shop judge: what it does with events and mails, they can't know. */
#pragma once

#include "client/ordershop_client.h"

#define SHIPPED_SERVICE_COUNT (ORDERSHOP_MAIL + 1)
