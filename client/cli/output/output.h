/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output in whole lines: what ends the program, the file or pipe has no line that is cut, and every line that
 * was printed.
 *
 * Unless it is a terminal, the stream `stdout` is replaced by one that writes each line when it ends. A line that can't
 * be written as a whole, since the disk is full, is taken back where that can be done: from a regular file that nobody
 * else has added to. Lines of more than 64 KiB go in pieces, and so does a line of more than 4 KiB into a pipe whose
 * reader doesn't read, if the program is ended then. */
#pragma once

#include <stdbool.h>

/* Before anything is printed. */
void output_begin(void);

/* Waits until no line is being printed, and from then on none is: by a thread that ends the program. Returns false if
 * one is, and goes on for half a second already, since nobody reads it. */
bool output_hold(void);

/* errno of the first write that failed; 0 if none has. */
int output_error(void);
