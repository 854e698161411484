/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes for ids. Any thread. */
#pragma once

#include <stdbool.h>

enum { RANDOM_BYTES = 16 };

/* Fills `bytes` from the kernel's random numbers. Returns false, with nothing filled, if the kernel gives none. */
bool random_bytes(unsigned char bytes[RANDOM_BYTES]);
