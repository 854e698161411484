/* SPDX-License-Identifier: Apache-2.0 */
/* The customer service as a literal, for main.c. */
#pragma once

#include "service/service.h"

extern const struct service_definition customer_service;
