/* SPDX-License-Identifier: Apache-2.0 */
#include "client/tls_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/target.h"
#include "shop_brand.h"
#include "tls/tls_identity.h"
#include "tls/tls_verdict.h"

/* What is told of once it has been met. */
struct probe {
  struct arena *arena;
  const char *host, *port;
  struct tls_texts texts;
  bool plain; /* the caller speaks no TLS */
  int timeout_ms;
};

/* ---- address ---------------------------------------------------------------------------------------------------- */

static bool is_connected(int fd, int timeout_ms) {
  struct pollfd wanted = {.fd = fd, .events = POLLOUT};
  int error = 0;
  socklen_t size = sizeof(error);
  return poll(&wanted, 1, timeout_ms) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static int connect_to(const struct addrinfo *address, int timeout_ms) {
  int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  bool begun = connect(fd, address->ai_addr, address->ai_addrlen) == 0 || errno == EINPROGRESS;
  if (begun && is_connected(fd, timeout_ms)) {
    struct timeval patience = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    return fd;
  }
  close(fd);
  return -1;
}

/* Of a name with several addresses the first one that accepts; -1 if there is none. */
static int connect_first(const struct probe *probe) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
  if (getaddrinfo(probe->host, probe->port, &hints, &addresses) != 0) return -1;
  int fd = -1;
  for (const struct addrinfo *at = addresses; at && fd < 0; at = at->ai_next) fd = connect_to(at, probe->timeout_ms);
  freeaddrinfo(addresses);
  return fd;
}

/* ---- findings --------------------------------------------------------------------------------------------------- */

static struct tls_parties parties_of(const struct probe *probe) {
  return (struct tls_parties){.host = probe->host,
                              .prefix = shop_brand.environment_prefix,
                              .certified = probe->texts.certificate != NULL,
                              .has_ca = probe->texts.ca != NULL};
}

static const char *verdict_on_end(const struct probe *probe, const struct tls_parties *parties) {
  if (!parties->certified) return tls_verdict_uncertified(probe->arena, parties);
  return "it closes the connection: it may not trust the certificate in ORDERSHOP_TLS_CERTIFICATE_FILE";
}

static const char *verdict_on_failure(const struct probe *probe, const SSL *ssl, int result) {
  const struct tls_parties parties = parties_of(probe);
  const char *verdict = tls_verdict(probe->arena, ssl, result, &parties);
  if (verdict) return verdict;
  int kind = SSL_get_error(ssl, result), reason = ERR_GET_REASON(ERR_peek_error());
  bool ended = kind == SSL_ERROR_SYSCALL || kind == SSL_ERROR_ZERO_RETURN;
  if (kind == SSL_ERROR_SSL && reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) ended = true;
  if (ended && SSL_get0_peer_certificate(ssl)) return verdict_on_end(probe, &parties);
  if (ended || reason == SSL_R_WRONG_VERSION_NUMBER) {
    return "it speaks no TLS there: is it set up for it (ORDERSHOP_TLS_CERTIFICATE_FILE)? Without "
           "ORDERSHOP_TLS_CA_FILE "
           "it is called in plain text";
  }
  return NULL;
}

/* In TLS 1.3 a server that refuses its caller says so after the handshake; one that doesn't sends HTTP/2 settings. */
static const char *talk(const struct probe *probe, SSL *ssl) {
  char byte;
  int result = SSL_connect(ssl);
  if (probe->plain) return result == 1 ? "it speaks TLS: set ORDERSHOP_TLS_CA_FILE to the file of its CA" : NULL;
  if (result == 1) result = SSL_read(ssl, &byte, 1);
  return result == 1 ? NULL : verdict_on_failure(probe, ssl, result);
}

static const char *talk_at(const struct probe *probe, int fd) {
  SSL_CTX *context = tls_identity_context(probe->plain ? NULL : &probe->texts, "h2");
  SSL *ssl = SSL_new(context);
  if (!probe->plain) tls_identity_expect(ssl, probe->host);
  SSL_set_fd(ssl, fd);
  ERR_clear_error();
  const char *finding = talk(probe, ssl);
  ERR_clear_error();
  SSL_free(ssl);
  SSL_CTX_free(context);
  return finding;
}

const char *tls_probe(struct arena *arena, const char *target, struct tls_files *tls, int timeout_ms) {
  const struct target_host *hosts;
  if (target_hosts(arena, target, &hosts) == 0) return NULL;
  struct probe probe = {
      .arena = arena, .host = hosts[0].host, .port = hosts[0].port, .plain = !tls, .timeout_ms = timeout_ms};
  if (tls) tls_files_read(tls, arena, &probe.texts);
  int fd = connect_first(&probe);
  if (fd < 0) return NULL;
  const char *finding = talk_at(&probe, fd);
  close(fd);
  return finding;
}
