/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load/call_status.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <string.h>

#include "rpc/error_details.h"
#include "shop_brand.h"

static int digit_of(char hex) {
  return isdigit((unsigned char)hex) ? hex - '0' : tolower((unsigned char)hex) - 'a' + 10;
}

/* grpc-message is percent-encoded. */
static const char *message_of(struct arena *arena, const struct call_bytes *encoded) {
  char *message = arena_alloc(arena, encoded->size + 1), *end = message;
  for (const char *at = encoded->bytes; encoded->size > 0 && *at; at++) {
    bool escaped = *at == '%' && isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2]);
    *end++ = (char)(escaped ? digit_of(at[1]) * 16 + digit_of(at[2]) : *at);
    if (escaped) at += 2;
  }
  *end = '\0';
  return message;
}

/* Binary metadata is base64, which may come without its padding. */
static const struct error_details *details_of(struct arena *arena, const struct call_bytes *encoded) {
  if (encoded->size == 0) return NULL;
  size_t padding = (4 - encoded->size % 4) % 4;
  char *padded = arena_printf(arena, "%s%.*s", encoded->bytes, (int)padding, "===");
  size_t size = encoded->size + padding;
  unsigned char *bytes = arena_alloc(arena, size);
  int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)padded, (int)size);
  for (const char *at = padded + size; at > padded && at[-1] == '='; at--) decoded--;
  return decoded > 0 ? error_details_unpack(arena, &shop_brand, bytes, (size_t)decoded) : NULL;
}

struct status call_status(struct arena *arena, const struct call *call, const char *peer, const char *why) {
  if (call->code == STATUS_OK && call->answered) return status_ok();
  if (call->code == STATUS_OK) {
    return status_error(arena, STATUS_INTERNAL, reason_reply_invalid, "%s answered without a message.", peer);
  }
  if (call->code > STATUS_OK) {
    return (struct status){.code = (enum status_code)call->code,
                           .message = message_of(arena, &call->message),
                           .details = details_of(arena, &call->details)};
  }
  if (call->http_status != 0 && call->http_status != 200) {
    return status_error(arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "%s answers with HTTP status %d.", peer,
                        call->http_status);
  }
  return status_error(arena, STATUS_UNAVAILABLE, reason_peer_unreachable, "Can't reach %s: %s", peer,
                      why ? why : "it refused the call");
}
