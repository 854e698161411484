/* Ctrl-C, SIGTERM and a hang-up at any time: the terminal is put back, what was done so far is said, and the program
 * dies of the signal, so that a shell sees it (130, 143) and a loop around the program ends. A closed pipe ends it
 * without a word.
 *
 * A thread of its own waits for the signals, because a call that is under way blocks the main one for seconds. */
#pragma once

/* Before any other thread is made, for they have to inherit the mask. Signals that are ignored stay so (nohup). */
void interrupt_watch(void);

/* What is to be said and put back by whoever ends the program early: `farewell` runs in the thread of the signals,
 * while the main one goes on. NULL: nothing. When this returns, the farewell before neither runs nor will. */
void interrupt_set_farewell(void (*farewell)(const void *argument), const void *argument);
