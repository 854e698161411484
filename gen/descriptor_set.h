/* SPDX-License-Identifier: Apache-2.0 */
/* The FileDescriptorSet (google/protobuf/descriptor.proto, packed) of all files that the shop's servers serve: the
 * shop's own, health, reflection, google.rpc's status and error details, and what they import. Comments included,
 * except those of Google's files.
 *
 * For server reflection, and for what protobuf-c's descriptors lack, as whether a method streams. An imported file
 * comes before those that import it. Constant: any thread may read it; it lives as long as the process. */
#ifndef ORDERSHOP_DESCRIPTOR_SET_H
#define ORDERSHOP_DESCRIPTOR_SET_H

#include <stddef.h>

extern const unsigned char ordershop_descriptor_set[];
/* Bytes of the set. */
extern const size_t ordershop_descriptor_set_size;

#endif
