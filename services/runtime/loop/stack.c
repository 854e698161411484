/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/stack.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/poison.h"

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define STACK_REGISTER(start, end) VALGRIND_STACK_REGISTER(start, end)
#define STACK_DEREGISTER(id) VALGRIND_STACK_DEREGISTER(id)
#define REPORTING_OFF VALGRIND_DISABLE_ERROR_REPORTING
#define REPORTING_ON VALGRIND_ENABLE_ERROR_REPORTING
#else
#define STACK_REGISTER(start, end) 0u
#define STACK_DEREGISTER(id) ((void)(id))
#define REPORTING_OFF
#define REPORTING_ON
#endif

/* Code that is built with -fstack-clash-protection touches each page of a frame, and no guard is too small. Other code
 * may step over a guard that is smaller than its frame. This one takes addresses, but no memory. */
enum { GUARD_BYTES = 1024 * 1024 };

#ifdef FAIL_POINTS
static const uint64_t pattern = 0x57ACC0DE57ACC0DEu;

static void stack_fill(const struct stack *stack) {
  uint64_t *words = (uint64_t *)stack->bottom;
  for (size_t i = 0; i < stack->size / sizeof(pattern); i++) words[i] = pattern;
}

/* Looks at what neither AddressSanitizer nor valgrind takes for accessible: the unused part of a stack. */
__attribute__((no_sanitize_address)) size_t stack_used(const struct stack *stack) {
  const uint64_t *words = (const uint64_t *)stack->bottom;
  size_t free_words = 0;
  REPORTING_OFF;
  while (free_words < stack->size / sizeof(pattern) && words[free_words] == pattern) free_words++;
  REPORTING_ON;
  return stack->size - free_words * sizeof(pattern);
}
#else
static void stack_fill(const struct stack *stack) {
  (void)stack;
}

size_t stack_used(const struct stack *stack) {
  (void)stack;
  return 0;
}
#endif

bool stack_map(size_t size, struct stack *ret_stack) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size = (size + page - 1) / page * page;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
  char *memory = mmap(NULL, GUARD_BYTES + size, PROT_NONE, flags, -1, 0);
  if (memory == MAP_FAILED) return false;
  char *bottom = memory + GUARD_BYTES;
  if (mprotect(bottom, size, PROT_READ | PROT_WRITE) != 0) {
    munmap(memory, GUARD_BYTES + size);
    return false;
  }
  struct stack stack = {.bottom = bottom, .size = size};
  stack.valgrind_id = STACK_REGISTER(bottom, bottom + size);
  stack_fill(&stack);
  *ret_stack = stack;
  return true;
}

bool stack_guards(const struct stack *stack, const void *address) {
  uintptr_t bottom = (uintptr_t)stack->bottom, at = (uintptr_t)address;
  return at < bottom && at >= bottom - GUARD_BYTES;
}

void stack_unmap(struct stack *stack) {
  STACK_DEREGISTER(stack->valgrind_id);
  memory_unpoison(stack->bottom, stack->size);
  munmap(stack->bottom - GUARD_BYTES, GUARD_BYTES + stack->size);
}
