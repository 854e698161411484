/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics of the process itself, by the names that Prometheus' client libraries have in common
 * (prometheus.io/docs/instrumenting/writing_clientlibs), and which program it is, in <brand>_build_info. What the
 * system doesn't tell is 0. */
#pragma once

/* Declares them; they are read when metrics are rendered (base/metrics.h). Once a process. */
void process_metrics_declare(const char *program, const char *version);
