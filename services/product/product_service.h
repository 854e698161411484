/* SPDX-License-Identifier: Apache-2.0 */
/* The product service as a literal, for main.c. */
#pragma once

#include "service/service.h"

extern const struct service_definition product_service;
