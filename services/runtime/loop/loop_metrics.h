/* SPDX-License-Identifier: Apache-2.0 */
/* Loop metrics: coroutines and stacks, for Prometheus. */
#pragma once

#include "loop/loop.h"

/* Declares them, of a loop that lives as long as metrics are rendered. */
void loop_metrics_declare(struct loop *loop);
