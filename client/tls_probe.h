/* SPDX-License-Identifier: Apache-2.0 */
/* Finds out why a TLS connection does not come about. gRPC tells little of it, and nothing of what the other side did
 * not like; so the probe tries once more by itself, with OpenSSL, and says what it met. It is for programs, since it
 * blocks. Any thread. */
#pragma once

#include "base/arena.h"
#include "tls/tls_files.h"

/* Connects to the first address of `target` as a client with this identity (NULL means in plain text) would, for at
 * most `timeout_ms` each for connecting and for an answer. Returns what is wrong and what to do, as a clause without a
 * full stop, in the arena, or NULL if nothing is wrong that has to do with TLS. */
const char *tls_probe(struct arena *arena, const char *target, struct tls_files *tls, int timeout_ms);
