/* SPDX-License-Identifier: Apache-2.0 */
/* Known orders: what a service that follows orders keeps of each, in a view of its own: id, customer and total. */
#pragma once

#include "store/view.h"

extern const struct view known_orders;
