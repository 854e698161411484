/* SPDX-License-Identifier: Apache-2.0 */
/* Crash: the last line in the log of a process that a fault ends. It names the signal, the method or event that the
 * loop was at (label.h), and says so if a coroutine had used up its stack. After it the signal does what it does by
 * default: it ends the process, with a core dump where these are enabled. */
#pragma once

/* To be called once, in the thread that will run the loop. With AddressSanitizer nothing happens: its own report has
 * all that and more. */
void crash_watch(void);
