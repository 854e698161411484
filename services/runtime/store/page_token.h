/* SPDX-License-Identifier: Apache-2.0 */
/* Page token: what a client passes to get the next page of a list (AIP-158), opaque to it. It is a tag of the scope,
 * that is of method and filter, and the log time of the last entity of the page before. Any thread. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Returns the token of the page that follows the entity created at the log time `last`. */
const char *page_token_make(struct arena *arena, const char *scope, int64_t last);

/* Reads a token; "" is that of the first page, whose *ret_last is 0. Errors: INVALID_ARGUMENT (PAGE_TOKEN_INVALID) for
 * one that was not made for this scope. */
struct status page_token_parse(struct arena *arena, const char *scope, const char *token, int64_t *ret_last);

/* Returns that error, for lists that don't use entity_list. */
struct status page_token_invalid(struct arena *arena);
