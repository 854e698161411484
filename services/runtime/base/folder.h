/* SPDX-License-Identifier: Apache-2.0 */
/* Folder: for files that a service keeps. Any thread; it blocks. */
#pragma once

#include <stdbool.h>

/* Makes the folder, and those above it, where they are missing, for this user alone. Returns false if it can't, or may
 * not write there; errno says why. */
bool folder_make(const char *path);
