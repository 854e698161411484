/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors 0 to 2 of a program that was started without some of them (`2>&-`, or by a careless parent). Left closed,
 * they would be the next ones to be opened: log lines would go into a socket or an epoll. */
#pragma once

/* Opens those that are closed on /dev/null, the wrong way round: what reads from such a standard input, or writes to
 * such a standard output, is told that it can't (EBADF), as if the descriptor were closed. What is written to standard
 * error is lost. Ends the process if /dev/null can't be opened.
 *
 * In a program whose main calls this, it also runs before any library is initialized, since some libraries open
 * descriptors then. Any thread. */
void standard_descriptors_open(void);
