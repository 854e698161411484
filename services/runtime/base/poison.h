/* SPDX-License-Identifier: Apache-2.0 */
/* Marks memory as out of bounds for AddressSanitizer; does nothing in other builds. Any thread. */
#pragma once

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZED 1
#endif

#ifdef ADDRESS_SANITIZED
#include <sanitizer/asan_interface.h>
/* Bytes left poisoned behind each piece, so that an overrun hits them. */
#define POISON_GAP ((size_t)16)
static inline void memory_poison(const void *memory, size_t size) {
  __asan_poison_memory_region(memory, size);
}
static inline void memory_unpoison(const void *memory, size_t size) {
  __asan_unpoison_memory_region(memory, size);
}
#else
#define POISON_GAP ((size_t)0)
static inline void memory_poison(const void *memory, size_t size) {
  (void)memory, (void)size;
}
static inline void memory_unpoison(const void *memory, size_t size) {
  (void)memory, (void)size;
}
#endif
