/* SPDX-License-Identifier: Apache-2.0 */
/* The order service as a literal, for main.c. */
#pragma once

#include "service/service.h"

extern const struct service_definition order_service;
