/* SPDX-License-Identifier: Apache-2.0 */
/* The limit of descriptors that a process may have open (ulimit -n, systemd's LimitNOFILE). */
#pragma once

#include <stddef.h>

/* Raises the limit as far as the process may, to its hard limit, and returns it. The soft limit is for programs that
 * use select. */
size_t descriptor_limit_raise(void);
