/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: how a definition refers to a table, of which it must know the length:
 *
 *   struct { const struct rpc_method *rows; size_t count; } methods;     in the definition's struct
 *   .methods = ROWS(methods),                                            in a definition */
#pragma once

/* The initializer of such a member from an array, whose length must be known where it stands. */
#define ROWS(table) \
  { (table), sizeof(table) / sizeof *(table) }
