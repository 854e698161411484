/* SPDX-License-Identifier: Apache-2.0 */
/* Forwarder: hands TCP connections on to a port of 127.0.0.1, as a virtual address or a service of Kubernetes does.
 *
 * Connections that are up stay with whom they were led to, wherever new ones are led. On a thread of its own, on a free
 * port of 127.0.0.1. What can't be done ends the test program with a message. */
#pragma once

#include <stdbool.h>

struct forwarder;

struct forwarder *forwarder_start(int port);
void forwarder_free(struct forwarder *forwarder); /* NULL is allowed */

int forwarder_port(const struct forwarder *forwarder);

/* Where new connections are led from now on. Any thread. */
void forwarder_lead_to(struct forwarder *forwarder, int port);

/* Strands what clients send next on the connections that are up: each such connection is closed for its client, and
 * what it has sent is kept. The second lets the servers have that, as a network may do long after, and returns when
 * each has answered or hung up; it returns false if nothing was stranded. Any thread. */
void forwarder_strand(struct forwarder *forwarder);
bool forwarder_let_go(struct forwarder *forwarder);

/* Closes the connections that come from an address ("127.0.0.11"; "" means all), and takes none from there any more,
 * until it is called again; NULL lets everybody through. Any thread; returns when it is done. */
void forwarder_bar(struct forwarder *forwarder, const char *source);

/* Closes every `nth` of the connections that are up, 1 being all of them. Any thread; returns when it is done. */
void forwarder_cut(struct forwarder *forwarder, int nth);
