/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/line/line_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

struct line_reader {
  const char *path;
  FILE *file;
  char *text;
  size_t room;
  size_t number;
  uint64_t done, total;
  int error; /* errno */
};

struct status line_reader_open(struct arena *arena, const char *path, struct line_reader **ret_reader) {
  bool is_input = strcmp(path, "-") == 0;
  FILE *file = is_input ? stdin : fopen(path, "re");
  if (!file) return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--from %s: %s", path, strerror(errno));
  struct stat about;
  bool known = fstat(fileno(file), &about) == 0 && S_ISREG(about.st_mode);
  struct line_reader *reader = memory_calloc(1, sizeof(*reader));
  reader->path = arena_strdup(arena, path);
  reader->file = file;
  reader->total = known ? (uint64_t)about.st_size : 0;
  *ret_reader = reader;
  return status_ok();
}

void line_reader_close(struct line_reader *reader) {
  if (reader->file != stdin) fclose(reader->file);
  free(reader->text);
  free(reader);
}

static void append(struct line_reader *reader, size_t size, char byte) {
  if (size == reader->room) {
    reader->room = reader->room ? 2 * reader->room : 4096;
    reader->text = memory_realloc(reader->text, reader->room);
  }
  reader->text[size] = byte;
}

/* Editors put it before UTF-8; it is no part of the text (Unicode, 23.8). */
static void skip_byte_order_mark(struct line_reader *reader, struct line *line) {
  static const char mark[] = "\xEF\xBB\xBF";
  size_t size = strlen(mark);
  if (reader->number != 1 || !line->text || line->size < size || memcmp(line->text, mark, size) != 0) return;
  line->text += size;
  line->size -= size;
}

bool line_reader_next(struct line_reader *reader, struct line *ret_line) {
  size_t size = 0;
  uint64_t before = reader->done;
  int byte;
  errno = 0;
  while ((byte = getc_unlocked(reader->file)) != EOF) {
    reader->done++;
    if (byte == '\n') break;
    if (size < LINE_LENGTH_MAX) append(reader, size, (char)byte);
    size++;
  }
  if (ferror(reader->file)) reader->error = errno ? errno : EIO;
  if (ferror(reader->file) || reader->done == before) return false;
  reader->number++;
  *ret_line = (struct line){
      .text = size > LINE_LENGTH_MAX ? NULL : (size > 0 ? reader->text : ""), .size = size, .number = reader->number};
  skip_byte_order_mark(reader, ret_line);
  return true;
}

struct status line_reader_status(struct arena *arena, const struct line_reader *reader) {
  if (reader->error == 0) return status_ok();
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_usage, "--from %s: %s", reader->path,
                      strerror(reader->error));
}

uint64_t line_reader_done(const struct line_reader *reader) {
  return reader->done;
}

uint64_t line_reader_total(const struct line_reader *reader) {
  return reader->total;
}
