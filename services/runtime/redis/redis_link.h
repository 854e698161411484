/* SPDX-License-Identifier: Apache-2.0 */
/* Redis link: the bytes to and from a server, over TCP, in plain text or by TLS; for this folder only.
 *
 * What a turn of the loop has to say is written at its end with one write(2); libuv keeps what the socket does not take
 * at once. The loop's thread; events come on the loop's stack. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "redis/redis_protocol.h"
#include "tls/tls_client.h"

struct redis_link;

/* None of them comes within redis_link_open or after redis_link_close. */
struct redis_link_events {
  void (*opened)(void *owner); /* after the handshake, with TLS */
  void (*received)(void *owner, const char *bytes, size_t size);
  void (*lost)(void *owner, const char *reason); /* the last one; redis_link_close is still due */
  void *owner;
};

/* Starts to connect to a numeric address. `tls` is the session to be had with the server, NULL for plain text; it
 * belongs to the link from now on. Returns NULL with `ret_reason` (a text of `size` bytes) if that fails at once. */
struct redis_link *redis_link_open(struct loop *loop, const char *address, int port, struct tls_session *tls,
                                   const struct redis_link_events *events, char *ret_reason, size_t size);

/* Ends the link, at once. Any stack. */
void redis_link_close(struct redis_link *link);

/* Returns where to append what is to be written. */
struct redis_buffer *redis_link_output(struct redis_link *link);

/* Writes that; for the end of the loop's turn. What `opened` appends is written without it. */
void redis_link_flush(struct redis_link *link);

/* Returns what a link is waiting for, or would be if nothing came: "the server takes too long to ...". */
const char *redis_link_delay(const struct redis_link *link);

/* Returns what was wrong with TLS, as tls_session_failure; "" if nothing was, or in plain text. */
const char *redis_link_tls_failure(const struct redis_link *link);

/* Returns when the last bytes came (clock_monotonic_us); 0 if there is none yet. */
int64_t redis_link_last_read_us(const struct redis_link *link);
