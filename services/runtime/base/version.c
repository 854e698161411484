/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"

const char ordershop_version[] = ORDERSHOP_VERSION;
