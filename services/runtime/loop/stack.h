/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of coroutines: mapped memory with a guard below, so that an overflow ends the process instead of spoiling
 * somebody's memory. Belongs to the loop's thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stack {
  char *bottom; /* lowest usable address; the guard lies below it */
  size_t size;
  unsigned valgrind_id;
};

/* Maps a stack of at least `size` bytes. Returns false if there is no memory. Free with stack_unmap. */
bool stack_map(size_t size, struct stack *ret_stack);
void stack_unmap(struct stack *stack);

/* Returns whether `address` lies in the stack's guard. Async-signal-safe. */
bool stack_guards(const struct stack *stack, const void *address);

/* Returns how many bytes of the stack have ever been used, in test builds (FAIL_POINTS); 0 in others. */
size_t stack_used(const struct stack *stack);
