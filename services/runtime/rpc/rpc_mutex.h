/* SPDX-License-Identifier: Apache-2.0 */
/* Switches off the deadlock detector in the mutexes of gRPC's abseil.
 *
 * Debian builds abseil without NDEBUG. Its mutexes then keep a graph of the order in which they are locked, which is
 * for finding deadlocks while one develops gRPC, and which costs a tenth of a call. abseil has a function that switches
 * it off, SetMutexDeadlockDetectionMode, but gRPC's C interface does not hand it on, and C can't call it by its name:
 * that is C++, with the inline namespace `debian<number>` in it, whose number is that of the ABI. So rpc_mutex.c looks
 * for the mangled name with the numbers 1 to 30, by dlsym. Where the process has no such symbol (abseil of another
 * distribution, or built with NDEBUG, or with another namespace) nothing is called, and calls take as long as they do
 * without this.
 *
 * Without STOP_DEADLOCK_DETECTOR (an option of the build) the compiler leaves all of it out: for a build with an abseil
 * without the detector, or where one looks for a deadlock in gRPC. */
#pragma once

/* Any thread may call it, before the first call to gRPC. */
void rpc_mutex_stop_detector(void);
