/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the ids of what a load was prepared with in a file, so that the next one need not make it again. */
#pragma once

#include "base/status.h"
#include "client/load/load_shop.h"

/* Reads the file into the shop, if there is one. Errors: INVALID_ARGUMENT (USAGE) with one sentence: it can't be read,
 * or is not what load_shop_file_write wrote; or there is none, and it can't be written either. */
struct status load_shop_file_read(struct arena *arena, const char *path, struct load_shop *shop);

/* Errors: INVALID_ARGUMENT (USAGE). */
struct status load_shop_file_write(struct arena *arena, const char *path, const struct load_shop *shop);
