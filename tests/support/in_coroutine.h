/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test body as a coroutine on a loop of its own: the body may use everything that yields. */
#pragma once

#include "base/context.h"

/* Returns when the body has ended and everything is freed. The context has an arena and a deadline, patience_end_us.
 * What the body opened on the loop (coroutine_loop) it must have closed, and its coroutines must have ended. */
void in_coroutine(void (*body)(struct context *context));
