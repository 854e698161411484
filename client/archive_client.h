/* SPDX-License-Identifier: Apache-2.0 */
/* Call of the ArchiveService, which the event service serves; see ordershop_client.h and
 * proto/ordershop/v1/archive.proto. */
#pragma once

#include <ordershop/v1/archive.pb-c.h>

#include "client/ordershop_client.h"

/* Archives the next part of the log, with one try and without a position; the answer's message is an
 * Ordershop__V1__ArchiveEventsResponse. Errors: those of the method; UNIMPLEMENTED if the service is an older one. */
struct ordershop_answer ordershop_archive_events(struct ordershop_client *client, const struct context *context,
                                                 const Ordershop__V1__ArchiveEventsRequest *request);
