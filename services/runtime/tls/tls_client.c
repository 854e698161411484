/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>

#include "tls/tls_files.h"
#include "tls/tls_identity.h"
#include "tls/tls_openssl.h"
#include "tls/tls_verdict.h"

/* ---- client ----------------------------------------------------------------------------------------------------- */

struct tls_client {
  struct tls_files *files; /* NULL if there are none */
  const char *prefix;
  SSL_CTX *context; /* made of the files' `version`; NULL before the first session */
  uint64_t version;
  bool certified;
};

struct status tls_client_open(struct arena *arena, const char *prefix, const struct tls_texts *paths, bool logs,
                              struct tls_client **ret_client) {
  tls_openssl_outlive_main();
  struct tls_client *client = arena_calloc(arena, 1, sizeof(*client));
  client->prefix = arena_strdup(arena, prefix);
  *ret_client = client;
  return tls_files_open(arena, prefix, paths, logs, &client->files);
}

void tls_client_close(struct tls_client *client) {
  if (!client) return;
  SSL_CTX_free(client->context);
  tls_files_close(client->files);
}

static void make_context(struct tls_client *client) {
  struct arena *arena = arena_new();
  struct tls_texts texts = {0};
  SSL_CTX_free(client->context);
  if (client->files) client->version = tls_files_read(client->files, arena, &texts);
  client->context = tls_identity_context(&texts, NULL);
  client->certified = texts.certificate != NULL;
  arena_free(arena);
}

static SSL_CTX *context_of(struct tls_client *client) {
  uint64_t version = client->files ? tls_files_version(client->files) : 0;
  if (!client->context || client->version != version) make_context(client);
  return client->context;
}

/* ---- session ---------------------------------------------------------------------------------------------------- */

struct tls_session {
  struct arena *arena;
  SSL *ssl;
  BIO *in, *out; /* bytes from, and for, the wire; they belong to `ssl` */
  struct tls_parties parties;
  bool has_received, is_up;
  const char *failure; /* NULL as long as there is none */
};

struct tls_session *tls_session_new(struct tls_client *client, const char *host) {
  struct arena *arena = arena_new();
  struct tls_session *session = arena_calloc(arena, 1, sizeof(*session));
  session->arena = arena;
  session->ssl = SSL_new(context_of(client));
  session->in = BIO_new(BIO_s_mem());
  session->out = BIO_new(BIO_s_mem());
  session->parties = (struct tls_parties){.host = arena_strdup(arena, host),
                                          .prefix = arena_strdup(arena, client->prefix),
                                          .certified = client->certified,
                                          .has_ca = tls_files_have_ca(client->files)};
  SSL_set_bio(session->ssl, session->in, session->out);
  SSL_set_connect_state(session->ssl);
  tls_identity_expect(session->ssl, host);
  return session;
}

void tls_session_free(struct tls_session *session) {
  if (!session) return;
  SSL_free(session->ssl);
  arena_free(session->arena);
}

/* RFC 8446, 5.1: every record begins with its kind. */
static bool begins_a_record(char byte) {
  return byte >= SSL3_RT_CHANGE_CIPHER_SPEC && byte <= SSL3_RT_APPLICATION_DATA;
}

void tls_session_receive(struct tls_session *session, const char *bytes, size_t size) {
  if (size == 0) return;
  if (!session->has_received && !begins_a_record(bytes[0])) session->failure = "it speaks no TLS there";
  session->has_received = true;
  BIO_write(session->in, bytes, (int)size);
}

static const char *failure_of(const struct tls_session *session, int result) {
  const char *verdict = tls_verdict(session->arena, session->ssl, result, &session->parties);
  if (verdict) return verdict;
  const char *error = ERR_reason_error_string(ERR_peek_error());
  return arena_printf(session->arena, "TLS fails: %s", error ? error : "the connection is unusable");
}

/* What `result` of a function of OpenSSL means. */
static enum tls_progress progress(struct tls_session *session, int result) {
  int kind = SSL_get_error(session->ssl, result);
  if (kind == SSL_ERROR_NONE) return TLS_DONE;
  if (kind == SSL_ERROR_WANT_READ) return TLS_WAITS;
  if (kind == SSL_ERROR_ZERO_RETURN) return TLS_ENDED;
  session->failure = failure_of(session, result);
  ERR_clear_error();
  return TLS_FAILED;
}

enum tls_progress tls_session_shake_hands(struct tls_session *session) {
  if (session->failure) return TLS_FAILED;
  ERR_clear_error();
  enum tls_progress made = progress(session, SSL_do_handshake(session->ssl));
  session->is_up = made == TLS_DONE;
  return made;
}

enum tls_progress tls_session_read(struct tls_session *session, char *bytes, size_t size, size_t *ret_size) {
  if (session->failure) return TLS_FAILED;
  ERR_clear_error();
  return progress(session, SSL_read_ex(session->ssl, bytes, size, ret_size));
}

enum tls_progress tls_session_write(struct tls_session *session, const char *bytes, size_t size) {
  size_t written;
  if (session->failure) return TLS_FAILED;
  ERR_clear_error();
  return progress(session, SSL_write_ex(session->ssl, bytes, size, &written));
}

void tls_session_end(struct tls_session *session) {
  if (!session->is_up || session->failure) return;
  ERR_clear_error();
  SSL_shutdown(session->ssl);
  ERR_clear_error();
}

size_t tls_session_pending(const struct tls_session *session) {
  return BIO_ctrl_pending(session->out);
}

size_t tls_session_take(struct tls_session *session, char *bytes, size_t size) {
  size_t taken = 0;
  return BIO_read_ex(session->out, bytes, size, &taken) ? taken : 0;
}

const char *tls_session_failure(const struct tls_session *session) {
  return session->failure ? session->failure : "";
}
