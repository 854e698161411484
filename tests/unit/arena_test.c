/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/poison.h"
#include "suite.h"

static bool is_aligned(const void *memory) {
  return (uintptr_t)memory % _Alignof(max_align_t) == 0;
}

static void test_pieces_stay(void) {
  struct arena *arena = arena_new();
  enum { COUNT = 3000 };
  unsigned char *pieces[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    pieces[i] = arena_alloc(arena, i % 700);
    CU_ASSERT_FATAL(pieces[i] != NULL && is_aligned(pieces[i]));
    memset(pieces[i], (int)(i % 251), i % 700);
  }
  size_t wrong = 0;
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < i % 700; j++) wrong += pieces[i][j] != i % 251;
  }
  CU_ASSERT_EQUAL(wrong, 0);
  arena_free(arena);
}

static void test_large(void) {
  struct arena *arena = arena_new();
  char *before = arena_strdup(arena, "before");
  enum { LARGE = 10 * 1024 * 1024 };
  char *large = arena_alloc(arena, LARGE);
  memset(large, 'x', LARGE);
  char *after = arena_strdup(arena, "after");
  CU_ASSERT_STRING_EQUAL(before, "before");
  CU_ASSERT_STRING_EQUAL(after, "after");
  CU_ASSERT(large[0] == 'x' && large[LARGE - 1] == 'x');
  arena_free(arena);
}

static void test_reset(void) {
  struct arena *arena = arena_new();
  void *first = arena_alloc(arena, 100);
  for (int i = 0; i < 100; i++) arena_alloc(arena, 1000);
  CU_ASSERT_EQUAL(arena_used(arena), 100 + 100 * 1000);
  arena_reset(arena);
  CU_ASSERT_EQUAL(arena_used(arena), 0);
  CU_ASSERT_PTR_EQUAL(arena_alloc(arena, 100), first);
  arena_free(arena);
}

static void test_pooled(void) {
  struct arena *arena = arena_new();
  arena_free(arena);
  struct arena *again = arena_new();
  CU_ASSERT_PTR_EQUAL(again, arena);
  CU_ASSERT_EQUAL(arena_used(again), 0);
  arena_free(again);
  arena_free(NULL);
}

static void *use_and_end(void *argument) {
  struct arena *arenas[300]; /* more than are pooled */
  for (int i = 0; i < 300; i++) arenas[i] = arena_new();
  for (int i = 0; i < 300; i++) arena_free(arenas[i]);
  arena_free(argument);
  return arena_new();
}

static void test_threads(void) {
  pthread_t thread;
  void *arena;
  CU_ASSERT_FATAL(pthread_create(&thread, NULL, use_and_end, arena_new()) == 0);
  pthread_join(thread, &arena);
  CU_ASSERT_STRING_EQUAL(arena_strdup(arena, "handed over"), "handed over");
  arena_free(arena);
}

static void test_calloc(void) {
  struct arena *arena = arena_new();
  memset(arena_alloc(arena, 1000), 0xFF, 1000);
  arena_reset(arena);
  const char *zeroed = arena_calloc(arena, 10, 100);
  static const char zeros[1000];
  CU_ASSERT_EQUAL(memcmp(zeroed, zeros, sizeof(zeros)), 0);
  arena_free(arena);
}

/* In a child: how it ends tells. */
static int signal_of(void (*run)(struct arena *arena)) {
  pid_t child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stderr)) _exit(2);
    run(arena_new());
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void calloc_too_much(struct arena *arena) {
  volatile size_t count = SIZE_MAX / 8 + 2; /* the product wraps around to 8 */
  arena_calloc(arena, count, 8);
}

static void alloc_too_much(struct arena *arena) {
  volatile size_t size = SIZE_MAX - 5;
  arena_alloc(arena, size);
}

static void test_exhausted(void) {
  CU_ASSERT_EQUAL(signal_of(calloc_too_much), SIGABRT);
  CU_ASSERT_EQUAL(signal_of(alloc_too_much), SIGABRT);
}

#ifdef ADDRESS_SANITIZED
static int status_of_overrun(size_t room, size_t size) {
  pid_t child = fork();
  if (child == 0) {
    if (!freopen("/dev/null", "w", stderr)) _exit(0);
    struct arena *arena = arena_new();
    arena_alloc(arena, room);
    volatile char *piece = arena_alloc(arena, size);
    piece[size] = 'x';
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

static void test_overrun(void) {
  CU_ASSERT_NOT_EQUAL(status_of_overrun(0, 5), 0);
  CU_ASSERT_NOT_EQUAL(status_of_overrun(3000, 2000), 0);
  CU_ASSERT_NOT_EQUAL(status_of_overrun(0, 100000), 0);
}
#endif

static void test_copies(void) {
  struct arena *arena = arena_new();
  memset(arena_alloc(arena, 1000), 'x', 1000);
  arena_reset(arena);
  CU_ASSERT_PTR_NULL(arena_strdup(arena, NULL));
  CU_ASSERT_STRING_EQUAL(arena_strdup(arena, ""), "");
  const char *copy = arena_memdup(arena, "a\0b", 3);
  CU_ASSERT_EQUAL(memcmp(copy, "a\0b", 4), 0);
  CU_ASSERT_STRING_EQUAL(arena_memdup(arena, NULL, 0), "");
  arena_free(arena);
}

static void test_printf(void) {
  struct arena *arena = arena_new();
  CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%s has %d", "p1", 7), "p1 has 7");
  CU_ASSERT_EQUAL(strlen(arena_printf(arena, "%5000d", 1)), 5000);
  CU_ASSERT_STRING_EQUAL(arena_printf(arena, "%s", ""), "");
  arena_free(arena);
}

/* Texts of all lengths, so that some end right at the end of a block, and some right behind it. */
static void test_printf_at_block_ends(void) {
  enum { TEXTS = 2000 };
  struct arena *arena = arena_new();
  const char *texts[TEXTS];
  for (int i = 0; i < TEXTS; i++) texts[i] = arena_printf(arena, "%*d", i % 97 + 4, i);
  for (int i = 0; i < TEXTS; i++) {
    CU_ASSERT_EQUAL(strlen(texts[i]), (size_t)(i % 97 + 4));
    CU_ASSERT_EQUAL(atoi(texts[i]), i);
  }
  arena_free(arena);
}

static void test_allocator(void) {
  struct arena *arena = arena_new();
  ProtobufCAllocator *allocator = arena_allocator(arena);
  char *memory = allocator->alloc(allocator->allocator_data, 64);
  memset(memory, 'x', 64);
  CU_ASSERT_EQUAL(arena_used(arena), 64);
  allocator->free(allocator->allocator_data, memory);
  CU_ASSERT_EQUAL(memory[63], 'x');
  arena_free(arena);
}

int main(int argc, char **argv) {
  static const struct test tests[] = {
      {"pieces of all sizes are aligned and don't overlap", test_pieces_stay},
      {"a large piece doesn't disturb the others", test_large},
      {"reset forgets everything and starts in the first block again", test_reset},
      {"a freed arena is used again, empty", test_pooled},
      {"an arena may be made in one thread and freed in another", test_threads},
      {"calloc zeroes memory that was used before", test_calloc},
      {"memory that can't be had ends the process", test_exhausted},
#ifdef ADDRESS_SANITIZED
      {"an overrun of a piece is found by AddressSanitizer", test_overrun},
#endif
      {"copies end with a NUL and may hold some", test_copies},
      {"printf takes as much room as it needs", test_printf},
      {"what is printed stays whole wherever a block ends", test_printf_at_block_ends},
      {"protobuf-c's allocator takes from the arena and gives nothing back", test_allocator},
  };
  return suite_main("arena", tests, SUITE_SIZE(tests), NULL, NULL, argc, argv);
}
