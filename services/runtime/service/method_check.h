/* SPDX-License-Identifier: Apache-2.0 */
/* The check of a definition's gRPC services: their method tables, and the resources that these name. */
#pragma once

#include "service/mistakes.h"

/* Adds what is wrong in mistakes->definition->services. */
void method_check(struct mistakes *mistakes);
