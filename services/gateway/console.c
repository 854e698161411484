/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <openssl/sha.h>
#include <stddef.h>
#include <string.h>

#include "answer.h"
#include "console_files.h" /* made by the build: CONSOLE_FILES */

#define DECLARE(name, symbol)          \
  extern const unsigned char symbol[]; \
  extern const size_t symbol##_size;
CONSOLE_FILES(DECLARE)
#undef DECLARE

static const char folder[] = "/console/";

/* Nothing from elsewhere, nothing inline, in nobody's frame. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

struct console_file {
  const char *name;
  const unsigned char *bytes;
  const size_t *size;
};

static const struct console_file files[] = {
#define ROW(name, symbol) {name, symbol, &symbol##_size},
    CONSOLE_FILES(ROW)
#undef ROW
};

static const char *name_of(const char *path) {
  if (strcmp(path, "/") == 0) return "index.html";
  return strncmp(path, folder, strlen(folder)) == 0 ? path + strlen(folder) : "";
}

static const struct console_file *file_of(const char *path) {
  const char *name = name_of(path);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    if (strcmp(files[i].name, name) == 0) return &files[i];
  }
  return NULL;
}

static const char *type_of(const char *name) {
  const char *ending = strrchr(name, '.');
  if (strcmp(ending, ".html") == 0) return "text/html; charset=utf-8";
  if (strcmp(ending, ".css") == 0) return "text/css; charset=utf-8";
  if (strcmp(ending, ".svg") == 0) return "image/svg+xml";
  return "text/javascript; charset=utf-8";
}

/* A quoted digest of the content. */
static const char *tag_of(struct arena *arena, const struct console_file *file) {
  enum { BYTES = 16 };
  unsigned char digest[SHA256_DIGEST_LENGTH];
  char text[2 * BYTES + 1];
  SHA256(file->bytes, *file->size, digest);
  for (size_t i = 0; i < BYTES; i++) {
    text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  text[2 * BYTES] = '\0';
  return arena_printf(arena, "\"%s\"", text);
}

bool console_is_path(const char *path) {
  return file_of(path) != NULL;
}

void console_answer(struct http_request *request) {
  const struct console_file *file = file_of(request->path);
  if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
    http_answer_header(request, "Allow", "GET, HEAD");
    answer_error(request, 405, "The console is had by GET.");
    return;
  }
  const char *tag = tag_of(request->arena, file), *known = http_request_header(request, "If-None-Match");
  http_answer_header(request, "ETag", tag);
  http_answer_header(request, "Content-Security-Policy", policy);
  http_answer_header(request, "Referrer-Policy", "no-referrer");
  http_answer_header(request, "Cross-Origin-Opener-Policy", "same-origin");
  if (known && strstr(known, tag)) {
    http_answer(request, 304, NULL, "", 0);
  } else {
    http_answer(request, 200, type_of(file->name), file->bytes, *file->size);
  }
}
