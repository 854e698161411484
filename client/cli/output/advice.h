/* SPDX-License-Identifier: Apache-2.0 */
/* Says what to do next after a command has failed, in words of the command line. Any thread. */
#pragma once

#include "client/cli/line/session.h"

/* Returns a sentence or two, or NULL where the failure says all. */
const char *advice_after(struct arena *arena, const struct session *session, struct status status);

/* Returns "--email" for customer.email, "ID" for an operand, "--product (the 2nd)" for order.product_ids[1]; the path
 * itself where no argument of the command fits. */
const char *advice_argument(struct arena *arena, const struct invocation *invocation, const char *path);
