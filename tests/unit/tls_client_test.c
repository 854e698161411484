/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of a TLS client with a server of OpenSSL's in the same thread: the test carries the bytes between them. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "suite.h"
#include "tls/tls_client.h"

enum { DAY_S = 24 * 60 * 60 };

/* ---- the server ------------------------------------------------------------------------------------------------- */

static EVP_PKEY *key;
static char ca_path[] = "/tmp/tls_client_ca.XXXXXX";

/* A certificate for these hosts that signs itself, and so is its own CA. */
static X509 *certificate_for(const char *hosts) {
  X509 *certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -DAY_S);
  X509_gmtime_adj(X509_getm_notAfter(certificate), DAY_S);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "O", MBSTRING_ASC, (const unsigned char *)"test", -1,
                             -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, hosts);
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
  return certificate;
}

/* The two sides of a test. */
static struct {
  struct tls_client *client;
  struct tls_session *session;
  SSL_CTX *context;
  SSL *server;
  struct arena *arena;
} side;

static void write_ca(X509 *certificate) {
  FILE *file = fopen(ca_path, "w");
  PEM_write_X509(file, certificate);
  fclose(file);
}

/* `adjust` may be NULL. */
static void meet(const char *hosts, const char *host, void (*adjust)(SSL_CTX *context)) {
  const struct tls_texts paths = {.ca = ca_path};
  X509 *certificate = certificate_for(hosts);
  write_ca(certificate);
  side.arena = arena_new();
  CU_ASSERT_FATAL(status_is_ok(tls_client_open(side.arena, "COUPON_", &paths, false, &side.client)));
  side.session = tls_session_new(side.client, host);
  side.context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_use_certificate(side.context, certificate);
  SSL_CTX_use_PrivateKey(side.context, key);
  if (adjust) adjust(side.context);
  side.server = SSL_new(side.context);
  SSL_set_bio(side.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(side.server);
  X509_free(certificate);
}

static void part(void) {
  tls_session_free(side.session);
  tls_client_close(side.client);
  SSL_free(side.server);
  SSL_CTX_free(side.context);
  arena_free(side.arena);
  ERR_clear_error();
}

/* ---- the wire --------------------------------------------------------------------------------------------------- */

/* Carries what each side has to send, `piece` bytes at a time. Returns how many. */
static size_t carry(size_t piece) {
  char bytes[64 * 1024];
  size_t carried = 0, size;
  while ((size = tls_session_take(side.session, bytes, piece)) > 0) {
    BIO_write(SSL_get_rbio(side.server), bytes, (int)size);
    carried += size;
  }
  while (BIO_read_ex(SSL_get_wbio(side.server), bytes, piece, &size)) {
    tls_session_receive(side.session, bytes, size);
    carried += size;
  }
  return carried;
}

/* Returns what became of the client's handshake; the server's may have failed. */
static enum tls_progress shake_hands(size_t piece) {
  enum tls_progress made;
  do {
    made = tls_session_shake_hands(side.session);
    SSL_do_handshake(side.server);
  } while (made == TLS_WAITS && carry(piece) > 0);
  carry(piece);
  SSL_do_handshake(side.server);
  carry(piece);
  return made;
}

static void server_says(const char *bytes, size_t size) {
  CU_ASSERT_EQUAL(SSL_write(side.server, bytes, (int)size), (int)size);
}

/* Whether the client reads exactly this, and then waits for more. */
static bool client_reads(const char *bytes, size_t size) {
  char *read = malloc(size + 1);
  size_t count = 0, more;
  while (tls_session_read(side.session, read + count, size + 1 - count, &more) == TLS_DONE) count += more;
  bool same = count == size && memcmp(read, bytes, size) == 0;
  free(read);
  return same;
}

static bool server_reads(const char *bytes, size_t size) {
  char *read = malloc(size + 1);
  size_t count = 0, more;
  while (SSL_read_ex(side.server, read + count, size + 1 - count, &more)) count += more;
  bool same = count == size && memcmp(read, bytes, size) == 0;
  free(read);
  return same;
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void test_bytes(void) {
  static char big[100 * 1000];
  static const size_t pieces[] = {1, 7, 16 * 1024};
  for (size_t i = 0; i < SUITE_SIZE(pieces); i++) {
    meet("DNS:redis.test", "redis.test", NULL);
    CU_ASSERT_EQUAL(shake_hands(pieces[i]), TLS_DONE);
    CU_ASSERT_EQUAL(tls_session_write(side.session, big, sizeof big), TLS_DONE);
    server_says("+OK", 3);
    server_says(big, sizeof big);
    carry(pieces[i]);
    CU_ASSERT(server_reads(big, sizeof big));
    char size_in_two[sizeof big + 3] = "+OK";
    CU_ASSERT(client_reads(size_in_two, sizeof size_in_two));
    CU_ASSERT_STRING_EQUAL(tls_session_failure(side.session), "");
    part();
  }
}

static void test_names(void) {
  static const struct {
    const char *hosts, *host, *told; /* `told`: NULL for an address, of which the server is told nothing */
    bool fits;
  } cases[] = {
      {"DNS:redis.test", "redis.test", "redis.test", true},
      {"DNS:redis.test", "REDIS.test", "REDIS.test", true},
      {"DNS:*.cache.test", "a1.cache.test", "a1.cache.test", true},
      {"DNS:*.cache.test", "a.b.cache.test", "a.b.cache.test", false},
      {"DNS:redis.test", "redis.test.example", "redis.test.example", false},
      {"IP:127.0.0.1", "127.0.0.1", NULL, true},
      {"DNS:127.0.0.1", "127.0.0.1", NULL, false},
      {"IP:127.0.0.1", "127.0.0.2", NULL, false},
      {"IP:::1", "::1", NULL, true},
      {"IP:fe80::1", "fe80::1%eth0", NULL, true},
      {"IP:fe80::1", "fe80::2%eth0", NULL, false},
  };
  for (size_t i = 0; i < SUITE_SIZE(cases); i++) {
    meet(cases[i].hosts, cases[i].host, NULL);
    CU_ASSERT_EQUAL(shake_hands(16 * 1024), cases[i].fits ? TLS_DONE : TLS_FAILED);
    const char *told = SSL_get_servername(side.server, TLSEXT_NAMETYPE_host_name);
    CU_ASSERT((told == NULL) == (cases[i].told == NULL));
    if (told) CU_ASSERT_STRING_EQUAL(told, cases[i].told);
    CU_ASSERT(cases[i].fits || strstr(tls_session_failure(side.session), "is not for") != NULL);
    part();
  }
}

static void speak_tls_1_2(SSL_CTX *context) {
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
}

static void speak_tls_1_1(SSL_CTX *context) {
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION);
}

static void test_versions(void) {
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  CU_ASSERT_STRING_EQUAL(SSL_get_version(side.server), "TLSv1.3");
  part();
  meet("DNS:redis.test", "redis.test", speak_tls_1_2);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  CU_ASSERT_STRING_EQUAL(SSL_get_version(side.server), "TLSv1.2");
  part();
  meet("DNS:redis.test", "redis.test", speak_tls_1_1);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_FAILED);
  CU_ASSERT(strstr(tls_session_failure(side.session), "protocol") != NULL);
  part();
}

static void test_ends(void) {
  char byte;
  size_t size;
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  tls_session_end(side.session);
  carry(16 * 1024);
  CU_ASSERT_EQUAL(SSL_get_error(side.server, SSL_read(side.server, &byte, 1)), SSL_ERROR_ZERO_RETURN);
  part();
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  server_says("+OK", 3);
  SSL_shutdown(side.server);
  carry(16 * 1024);
  CU_ASSERT(client_reads("+OK", 3));
  CU_ASSERT_EQUAL(tls_session_read(side.session, &byte, 1, &size), TLS_ENDED);
  part();
}

/* The server asks for new keys in the middle: the client's new ones follow, and both go on. */
static void test_new_keys(void) {
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  server_says("before", 6);
  SSL_key_update(side.server, SSL_KEY_UPDATE_REQUESTED);
  server_says("after", 5);
  carry(16 * 1024);
  CU_ASSERT(client_reads("beforeafter", 11));
  CU_ASSERT_EQUAL(tls_session_write(side.session, "command", 7), TLS_DONE);
  carry(16 * 1024);
  CU_ASSERT(server_reads("command", 7));
  part();
}

static int hellos;

static int count_hellos(SSL *ssl, int *alert, void *argument) {
  (void)ssl, (void)alert, (void)argument;
  hellos++;
  return SSL_CLIENT_HELLO_SUCCESS;
}

static void speak_tls_1_2_and_count(SSL_CTX *context) {
  speak_tls_1_2(context);
  SSL_CTX_set_client_hello_cb(context, count_hellos, NULL);
}

/* The server may ask for another handshake in TLS 1.2: it gets none, and what it says goes on. */
static void test_no_renegotiation(void) {
  hellos = 0;
  meet("DNS:redis.test", "redis.test", speak_tls_1_2_and_count);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  SSL_renegotiate(side.server);
  SSL_do_handshake(side.server);
  carry(16 * 1024);
  CU_ASSERT(client_reads("", 0));
  CU_ASSERT_STRING_EQUAL(tls_session_failure(side.session), "");
  CU_ASSERT_EQUAL(tls_session_write(side.session, "command", 7), TLS_DONE);
  carry(16 * 1024);
  SSL_do_handshake(side.server);
  CU_ASSERT_EQUAL(hellos, 1);
  part();
}

static void test_tampered(void) {
  char bytes[1024], byte;
  size_t size;
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
  server_says("+OK", 3);
  CU_ASSERT_FATAL(BIO_read_ex(SSL_get_wbio(side.server), bytes, sizeof bytes, &size) == 1);
  bytes[size - 1] ^= 1;
  tls_session_receive(side.session, bytes, size);
  CU_ASSERT_EQUAL(tls_session_read(side.session, &byte, 1, &size), TLS_FAILED);
  CU_ASSERT(strstr(tls_session_failure(side.session), "TLS fails") != NULL);
  CU_ASSERT_EQUAL(tls_session_write(side.session, "command", 7), TLS_FAILED);
  part();
}

static void test_not_resumed(void) {
  meet("DNS:redis.test", "redis.test", NULL);
  for (int i = 0; i < 3; i++) {
    CU_ASSERT_EQUAL(shake_hands(16 * 1024), TLS_DONE);
    CU_ASSERT(client_reads("", 0)); /* tickets came with the handshake */
    CU_ASSERT_EQUAL(SSL_session_reused(side.server), 0);
    tls_session_free(side.session);
    side.session = tls_session_new(side.client, "redis.test");
    SSL_clear(side.server);
  }
  part();
}

static void test_no_tls(void) {
  meet("DNS:redis.test", "redis.test", NULL);
  CU_ASSERT_EQUAL(tls_session_shake_hands(side.session), TLS_WAITS);
  tls_session_receive(side.session, "-ERR unknown command\r\n", 22);
  CU_ASSERT_EQUAL(tls_session_shake_hands(side.session), TLS_FAILED);
  CU_ASSERT_STRING_EQUAL(tls_session_failure(side.session), "it speaks no TLS there");
  part();
}

static int set_up(void) {
  key = EVP_EC_gen("P-256");
  int file = mkstemp(ca_path);
  return file < 0 || close(file) != 0;
}

static int tear_down(void) {
  EVP_PKEY_free(key);
  return unlink(ca_path);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"Bytes pass both ways in pieces of any size", test_bytes},
      {"The certificate must be for the host, and the server is told its name", test_names},
      {"TLS 1.3 and 1.2 are spoken, 1.1 is not", test_versions},
      {"Each side tells the other that it ends", test_ends},
      {"The server may ask for new keys", test_new_keys},
      {"The server may not begin another handshake", test_no_renegotiation},
      {"A record that was tampered with is the end", test_tampered},
      {"Each session begins with a whole handshake", test_not_resumed},
      {"An answer in plain text is told as such", test_no_tls},
  };
  return suite_main("TLS client", tests, SUITE_SIZE(tests), set_up, tear_down, argc, argv);
}
