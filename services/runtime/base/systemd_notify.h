/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the service manager how this process is doing, by systemd's sd_notify protocol: one datagram to the
 * socket that NOTIFY_SOCKET names. Any thread. Without that variable nobody has asked, and nothing happens. */
#pragma once

/* `state` is lines NAME=VALUE as in sd_notify(3): "READY=1", "STOPPING=1", "STATUS=...". Never waits; errors are not
 * reported: a manager that doesn't listen changes nothing for the callers of the service. */
void systemd_notify(const char *state);
