/* SPDX-License-Identifier: Apache-2.0 */
/* Boost.Context's switch between stacks, in C. The library exports these functions for its own headers, which are in
 * C++ (boost/context/detail/fcontext.hpp); they have been the same since Boost 1.61. A switch keeps what a function has
 * to keep by the platform's calling convention, floating point control words among them, and makes no system call; the
 * signal mask stays what it is. */
#pragma once

#include <stddef.h>

/* The place where a stack that does not run goes on. It is valid for one jump: each jump makes another one for the
 * stack that it leaves. */
typedef void *fcontext;

/* What a jump tells the code that it goes to. */
struct fcontext_transfer {
  fcontext from; /* of the stack that was left */
  void *data;    /* the jump's second argument */
};

/* Returns a context that will call `run`, which must not return, on the stack of `size` bytes below `top`. */
fcontext make_fcontext(void *top, size_t size, void (*run)(struct fcontext_transfer transfer));

/* Goes on at `to`, and returns when somebody jumps back. */
struct fcontext_transfer jump_fcontext(fcontext to, void *data);
