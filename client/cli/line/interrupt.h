/* SPDX-License-Identifier: Apache-2.0 */
/* Handles Ctrl-C, SIGTERM and a hang-up at any time: the line that is being printed is finished, the terminal is put
 * back, what was done so far is said, and the program dies of the signal, so that a shell sees it (130, 143) and a loop
 * around the program ends. A closed pipe ends it without a word, unless interrupt_keep_pipes was called.
 *
 * A thread of its own waits for the signals, because a call that is under way blocks the main one for seconds. */
#pragma once

/* Must be called before any other thread is made, since threads have to inherit the mask. Signals that are ignored stay
 * so (nohup). */
void interrupt_watch(void);

/* From now on a closed pipe is an error of its stream (EPIPE), so that the caller can still say something.
 * interrupt_die_of_pipe then ends the program as a closed pipe does. */
void interrupt_keep_pipes(void);
_Noreturn void interrupt_die_of_pipe(void);

/* Sets what is said and put back when the program ends early: `farewell` runs in the thread of the signals, while the
 * main one goes on until it prints something. NULL means nothing. When this returns, the farewell before neither runs
 * nor will. */
void interrupt_set_farewell(void (*farewell)(const void *argument), const void *argument);

/* Gives the signals that interrupt_watch took their default actions back, for a program that takes this one's place. */
void interrupt_hand_over(void);
