/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a table of texts: of what is no message's field (show.h has tables of these). One thread, since it writes to
 * standard output. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* `cells` has `rows` rows of `columns` texts, one after another; the first row has the headings. The texts are safe for
 * a terminal (terminal_text.h). The last column may be of any width. Writes nothing if there are only headings. */
void cells_show(struct arena *arena, const char *const *cells, size_t rows, size_t columns);
