/* SPDX-License-Identifier: Apache-2.0 */
/* The brand of this shop's services and clients: every name that a client, an operator or Redis sees begins with it. */
#pragma once

#include "base/brand.h"

extern const struct brand shop_brand;
