/* SPDX-License-Identifier: Apache-2.0 */
/* The FileDescriptorSet (google/protobuf/descriptor.proto, packed) of what the runtime adds to every service: health,
 * reflection, google.rpc's status and error details, and what they import. Comments included, except those of Google's
 * files.
 *
 * Constant: any thread may read it; it lives as long as the process. */
#ifndef RUNTIME_DESCRIPTOR_SET_H
#define RUNTIME_DESCRIPTOR_SET_H

#include <stddef.h>

extern const unsigned char runtime_descriptor_set[];
/* Bytes of the set. */
extern const size_t runtime_descriptor_set_size;

#endif
