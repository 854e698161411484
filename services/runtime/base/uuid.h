/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs in their canonical text form: 36 characters, lower case (RFC 9562). Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define UUID_TEXT_SIZE 37 /* with the NUL */

/* A random UUID (version 4). */
const char *uuid_random(struct arena *arena);

/* A UUID derived from `bytes` (version 5, in a namespace of the runtime's own): equal bytes, equal id. `purpose` keeps
 * ids that are derived from the same bytes for different ends apart. */
const char *uuid_derive(struct arena *arena, const char *purpose, const void *bytes, size_t size);

/* uuid_derive for a text. */
const char *uuid_derive_text(struct arena *arena, const char *purpose, const char *text);

/* True for a UUID in text form; upper case is accepted. */
bool uuid_is_valid(const char *text);

/* `text` in canonical form, or NULL if it is no UUID. */
const char *uuid_canonical(struct arena *arena, const char *text);
