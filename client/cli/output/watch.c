/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "client/cli/line/interrupt.h"
#include "client/cli/output/terminal.h"

/* Another screen, which leaves the shell's lines as they are; no cursor; long lines end at the edge. And back. */
static const char enter_screen[] = "\x1b[?1049h\x1b[?25l\x1b[?7l";
static const char leave_screen[] = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/* What was shown last. */
struct frame {
  char *text;
  size_t size;
};

static void write_all(const char *text, size_t size) {
  while (size > 0) {
    ssize_t written = write(STDOUT_FILENO, text, size);
    if (written <= 0) return;
    text += written;
    size -= (size_t)written;
  }
}

/* Leaves the last frame behind, on the shell's screen. */
static void leave(const void *argument) {
  const struct frame *frame = argument;
  write_all(leave_screen, strlen(leave_screen));
  write_all(frame->text, frame->size);
}

/* Calls `show` with what it prints going into memory. */
static int capture(struct session *session, int (*show)(struct session *), struct frame *ret_frame) {
  FILE *kept_out = stdout, *kept_err = stderr;
  FILE *memory = open_memstream(&ret_frame->text, &ret_frame->size);
  if (!memory) memory_exhausted(0);
  stdout = stderr = memory;
  int exit_status = show(session);
  stdout = kept_out;
  stderr = kept_err;
  fclose(memory);
  return exit_status;
}

/* As many lines as fit below the heading. */
static void print_lines(const struct frame *frame, size_t rows) {
  const char *at = frame->text, *end = frame->text + frame->size;
  for (size_t row = 1; at < end; row++) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    next = next ? next + 1 : end;
    if (rows > 0 && row + 1 >= rows && next < end) {
      fputs("...\x1b[K", stdout);
      return;
    }
    fwrite(at, 1, (size_t)(next - at) - (next[-1] == '\n'), stdout);
    fputs("\x1b[K\n", stdout);
    at = next;
  }
}

static void draw(struct session *session, const struct frame *frame) {
  char clock[16];
  time_t now = time(NULL);
  struct tm local;
  strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&now, &local));
  double seconds = (double)session->invocation->watch_ms / 1000;
  const char *heading = arena_printf(session->arena, "every %g s: ordershop %s   %s   Ctrl-C ends", seconds,
                                     invocation_name(session->arena, session->invocation), clock);
  printf("\x1b[H%s\x1b[K\n", terminal_paint(session->arena, PAINT_FAINT, heading));
  print_lines(frame, terminal_rows());
  fputs("\x1b[J", stdout);
  fflush(stdout);
}

static void rest(const struct session *session) {
  int64_t ms = session->invocation->watch_ms;
  nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static int watch_on_screen(struct session *session, int (*show)(struct session *)) {
  struct frame shown = {.text = NULL};
  int exit_status = EXIT_DONE;
  write_all(enter_screen, strlen(enter_screen));
  interrupt_set_farewell(leave, &shown);
  while (exit_status != EXIT_USAGE && !ferror(stdout)) {
    struct session once = *session;
    struct frame frame;
    once.arena = arena_new();
    exit_status = capture(&once, show, &frame);
    draw(&once, &frame);
    arena_free(once.arena);
    interrupt_set_farewell(NULL, NULL);
    free(shown.text);
    shown = frame;
    interrupt_set_farewell(leave, &shown);
    if (exit_status != EXIT_USAGE) rest(session);
  }
  interrupt_set_farewell(NULL, NULL);
  leave(&shown);
  free(shown.text);
  return exit_status;
}

static int watch_in_lines(struct session *session, int (*show)(struct session *)) {
  int exit_status = EXIT_DONE;
  while (exit_status != EXIT_USAGE && !ferror(stdout)) {
    struct session once = *session;
    once.arena = arena_new();
    exit_status = show(&once);
    if (!session->invocation->json) putchar('\n');
    fflush(stdout);
    arena_free(once.arena);
    if (exit_status != EXIT_USAGE) rest(session);
  }
  return exit_status;
}

int session_watch(struct session *session, int (*show)(struct session *)) {
  return terminal_moves_cursor() ? watch_on_screen(session, show) : watch_in_lines(session, show);
}
