/* SPDX-License-Identifier: Apache-2.0 */
/* The details of an error as messages of google.rpc, for the forms that HTTP has of them. Any thread. */
#pragma once

#include <google/rpc/status.pb-c.h>

#include "base/status.h"

/* Returns the error as google.rpc.Status. */
const Google__Rpc__Status *error_of_status(struct arena *arena, struct status status);

/* Returns a detail's message, or NULL if its type is none of google.rpc's, or it can't be unpacked. */
const ProtobufCMessage *error_any_unpack(struct arena *arena, const Google__Protobuf__Any *detail);

/* Returns "google.rpc.ErrorInfo" of "type.googleapis.com/google.rpc.ErrorInfo". */
const char *error_any_type(const Google__Protobuf__Any *detail);
