/* SPDX-License-Identifier: Apache-2.0 */
/* TLS client: TLS for connections that we begin, over whatever carries the bytes.
 *
 * A client is who one is and whom one trusts; each of its connections is a session. What comes over the wire is handed
 * to the session, and what it wants to send is taken from it, so that whoever moves the bytes decides when, and in how
 * many writes. The other side's certificate is always verified: it must be of a CA that is trusted, be valid now, and
 * be for the host that was asked for. TLS 1.2 or later; no renegotiation. A session is not resumed: each verifies anew.
 * One thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/status.h"
#include "tls/certificate_check.h"

struct tls_client;

/* Reads and checks the files that `paths` name, as tls_files_open does with the same arguments and errors; they are
 * looked at again for each new session. Without a CA the system's are trusted, without a certificate none is shown. The
 * arena must outlive the client. */
struct status tls_client_open(struct arena *arena, const char *prefix, const struct tls_texts *paths, bool logs,
                              struct tls_client **ret_client);

/* The sessions may go on. NULL is allowed. */
void tls_client_close(struct tls_client *client);

struct tls_session;

enum tls_progress {
  TLS_DONE,
  TLS_WAITS, /* for bytes of the other side */
  TLS_ENDED, /* by the other side, properly */
  TLS_FAILED /* tls_session_failure says why */
};

/* Returns a session with `host`, a name or numeric address, which is copied. It begins with tls_session_shake_hands. */
struct tls_session *tls_session_new(struct tls_client *client, const char *host);

/* NULL is allowed. */
void tls_session_free(struct tls_session *session);

/* Takes bytes that came over the wire; what they mean shows in the functions that follow. */
void tls_session_receive(struct tls_session *session, const char *bytes, size_t size);

/* Begins, or goes on with, the handshake. Returns TLS_DONE once it is over. */
enum tls_progress tls_session_shake_hands(struct tls_session *session);

/* Reads at most `size` bytes of what the other side says. Returns TLS_DONE if *ret_size of them are there. */
enum tls_progress tls_session_read(struct tls_session *session, char *bytes, size_t size, size_t *ret_size);

/* Says `bytes`, after the handshake. Returns TLS_DONE or TLS_FAILED. */
enum tls_progress tls_session_write(struct tls_session *session, const char *bytes, size_t size);

/* Says goodbye (close_notify), if the handshake is over and nothing has failed. */
void tls_session_end(struct tls_session *session);

/* Returns how many bytes are to go over the wire. After a failure there may be some, too: an alert for the other side.
 */
size_t tls_session_pending(const struct tls_session *session);

/* Takes these, `size` of them at most; returns how many. */
size_t tls_session_take(struct tls_session *session, char *bytes, size_t size);

/* Returns what was wrong and what to do, as a clause without a full stop: "its certificate has expired: ...". */
const char *tls_session_failure(const struct tls_session *session);
