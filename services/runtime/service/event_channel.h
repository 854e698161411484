/* SPDX-License-Identifier: Apache-2.0 */
/* Event channel: the service asks the event service (EventService) for events that have left Redis for the archive.
 * Threads: the loop's. */
#pragma once

#include "consumer/archived_events.h"
#include "rpc/rpc_client.h"

/* What a consumer asks by that channel, which must live as long as the result; NULL means that there is nobody to ask.
 * `setting` is the variable that has the address. */
struct archived_events event_channel_events(struct rpc_channel *channel, const char *setting);
