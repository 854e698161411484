/* The FileDescriptorSet (google/protobuf/descriptor.proto, packed) of all files that the shop's servers serve: the
 * shop's own, health, reflection, google.rpc's error details, and what they import. With comments.
 *
 * For server reflection, and for what protobuf-c's descriptors lack, as whether a method streams. Constant, so any
 * thread may read it; it lives as long as the process. */
#ifndef ORDERSHOP_DESCRIPTOR_SET_H
#define ORDERSHOP_DESCRIPTOR_SET_H

#include <stddef.h>

extern const unsigned char ordershop_descriptor_set[];
extern const size_t ordershop_descriptor_set_size;

#endif
