/* SPDX-License-Identifier: Apache-2.0 */
/* UUIDs in their canonical text form: 36 characters, lower case (RFC 9562). Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define UUID_TEXT_SIZE 37 /* with the NUL */

/* Returns a random UUID (version 4). */
const char *uuid_random(struct arena *arena);

/* Returns a UUID derived from `bytes` (version 5, in a namespace of the runtime's own): equal bytes give an equal id.
 * `purpose` keeps apart ids that are derived from the same bytes for different ends. */
const char *uuid_derive(struct arena *arena, const char *purpose, const void *bytes, size_t size);

/* Does the same as uuid_derive for a text. */
const char *uuid_derive_text(struct arena *arena, const char *purpose, const char *text);

/* Returns whether `text` is a UUID in text form; upper case is accepted. */
bool uuid_is_valid(const char *text);

/* Returns `text` in canonical form, or NULL if it is not a UUID. */
const char *uuid_canonical(struct arena *arena, const char *text);
