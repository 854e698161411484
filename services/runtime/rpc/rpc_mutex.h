/* SPDX-License-Identifier: Apache-2.0 */
/* Switches off the deadlock detector in the mutexes of gRPC's abseil. */
#pragma once

/* Debian builds abseil without NDEBUG, so its mutexes keep a graph of the order in which they are locked, for finding
 * deadlocks while one develops gRPC; that costs a tenth of a call. It is switched by a function that has no C name, so
 * it is looked up under the names that Debian gives it; where there is none, all stays as it is. Any thread. */
void rpc_mutex_stop_detector(void);
