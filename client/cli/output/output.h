/* SPDX-License-Identifier: Apache-2.0 */
/* Writes standard output in whole lines: whatever ends the program, the file or pipe has every line that was printed,
 * and none that is cut.
 *
 * Unless it is a terminal, the stream `stdout` is replaced by one that writes each line when it ends. A line that can't
 * be written as a whole, since the disk is full, is taken back where that can be done: from a regular file that nobody
 * else has added to. Lines of more than 64 KiB go in pieces, and so does a line of more than 4 KiB into a pipe whose
 * reader doesn't read, if the program is ended then. */
#pragma once

#include <stdbool.h>

/* Must be called before anything is printed. */
void output_begin(void);

/* Waits until no line is being printed; from then on none is. It is called by a thread that ends the program. Returns
 * false if a line has been under way for half a second, since nobody reads it. */
bool output_hold(void);

/* Returns errno of the first write that failed, or 0 if none has. */
int output_error(void);
