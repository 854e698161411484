/* SPDX-License-Identifier: Apache-2.0 */
#include "base/uuid.h"

/* libuuid's own SHA-1 takes ten times as long as OpenSSL's. The functions of OpenSSL 1.1 are asked for, since those
 * that follow them look for providers first, which keeps 2 MB of each process in memory. */
#define OPENSSL_API_COMPAT 0x10100000L
#include <openssl/sha.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/random_bytes.h"

/* The runtime's own namespace for version 5; a random UUID, fixed for ever: derived ids depend on it. */
static const uuid_t own_namespace = {0xac, 0x6d, 0xe5, 0x8b, 0xc8, 0x45, 0x4c, 0x4d,
                                     0xaa, 0x2c, 0x8b, 0xdd, 0xbc, 0x35, 0x6f, 0xc5};

static const char *uuid_text(struct arena *arena, const uuid_t uuid) {
  char *text = arena_alloc(arena, UUID_TEXT_SIZE);
  uuid_unparse_lower(uuid, text);
  return text;
}

/* Also sets the variant of RFC 9562. */
static void set_version(uuid_t uuid, int version) {
  uuid[6] = (unsigned char)((uuid[6] & 0x0f) | version << 4);
  uuid[8] = (unsigned char)((uuid[8] & 0x3f) | 0x80);
}

/* Not by libuuid in the first place: it asks the kernel for each, and seeds a second generator every time, which is
 * 4 us. */
const char *uuid_random(struct arena *arena) {
  uuid_t uuid;
  if (!random_bytes(uuid)) uuid_generate_random(uuid);
  set_version(uuid, 4);
  return uuid_text(arena, uuid);
}

const char *uuid_derive(struct arena *arena, const char *purpose, const void *bytes, size_t size) {
  unsigned char hash[SHA_DIGEST_LENGTH];
  SHA_CTX sha1;
  SHA1_Init(&sha1);
  SHA1_Update(&sha1, own_namespace, sizeof own_namespace);
  SHA1_Update(&sha1, purpose, strlen(purpose) + 1);
  SHA1_Update(&sha1, bytes, size);
  SHA1_Final(hash, &sha1);
  uuid_t uuid;
  memcpy(uuid, hash, sizeof uuid);
  set_version(uuid, 5);
  return uuid_text(arena, uuid);
}

const char *uuid_derive_text(struct arena *arena, const char *purpose, const char *text) {
  return uuid_derive(arena, purpose, text, strlen(text));
}

/* As isxdigit, which looks for the thread's locale first. */
static bool is_hex_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_is_valid(const char *text) {
  if (!text) return false;
  for (int i = 0; i < UUID_TEXT_SIZE - 1; i++) {
    bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex_digit(text[i])) return false;
  }
  return text[UUID_TEXT_SIZE - 1] == '\0';
}

const char *uuid_canonical(struct arena *arena, const char *text) {
  if (!uuid_is_valid(text)) return NULL;
  char *canonical = arena_memdup(arena, text, UUID_TEXT_SIZE - 1);
  for (char *at = canonical; *at; at++) {
    if (*at >= 'A' && *at <= 'F') *at += 'a' - 'A';
  }
  return canonical;
}
