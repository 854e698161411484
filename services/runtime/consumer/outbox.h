/* SPDX-License-Identifier: Apache-2.0 */
/* Transactional outbox: effects in another service, recorded with the local effects and delivered afterwards.
 *
 * What a handler sends is composed from the service's views as of the event and stored in the list `<service>_outbox`
 * by the work's commit. The leader delivers it in order, in batches, with the peer's batch method; the peer knows
 * a message by its id, so delivering twice does no harm. Outages (status_is_transient) are retried for ever with
 * backoff and hold up nothing else. A message that the peer refuses for good is dead-lettered
 * in `<service>_parked:outbox`. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "rpc/rpc_client.h"

struct outbox_route {
  const ProtobufCServiceDescriptor *service; /* of the peer */
  const char *method;                        /* takes a batch: its input has one repeated message field */
  const ProtobufCMessageDescriptor *message; /* of what is sent: the element of that field */
  int32_t batch_messages;                    /* at most so many in a call; 0 means 60 */
  int64_t batch_bytes;                       /* and so many bytes; 0 means 512 KiB */
};
