/* SPDX-License-Identifier: Apache-2.0 */
/* Converts between a status and google.rpc.Status, as it travels in `grpc-status-details-bin`.
 *
 * Packed, it has at most ERROR_DETAILS_BYTES: HTTP/2 peers refuse header lists beyond 8 KiB, and base64 adds a third.
 * Texts that don't fit are shortened; lists of violations end with one that says how many are left out. Any thread. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/brand.h"
#include "base/status.h"

#define ERROR_DETAILS_BYTES 3584
#define ERROR_MESSAGE_BYTES 400 /* of the message; percent-encoding may triple it in `grpc-message` */

/* Returns the status' message as it is sent: shortened to ERROR_MESSAGE_BYTES at a character's end. */
const char *error_message(struct arena *arena, struct status status);

/* Packs an error into the arena, with ErrorInfo.domain `domain`. Returns its size. */
size_t error_details_pack(struct arena *arena, const char *domain, struct status status, const void **ret_bytes);

/* Returns the details from packed bytes, in the arena, or NULL if these can't be decoded or hold nothing known. A
 * reason of the brand's domain that is one of the runtime's, of a type or of the brand's becomes that object. */
const struct error_details *error_details_unpack(struct arena *arena, const struct brand *brand, const void *bytes,
                                                 size_t size);
