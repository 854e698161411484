# SPDX-License-Identifier: Apache-2.0
# ordershop_generate(<target> <folder> <proto>...): compiles protos (paths in that folder) into the target:
#   - messages and services in C, by protoc-c: include them as <path/of/the.pb-c.h>
#   - a descriptor set of them and all that they import, by protoc, for service_definition.descriptor_set:
#     const unsigned char <target>_descriptor_set[] and const size_t <target>_descriptor_set_size, where characters of
#     the target's name that C doesn't allow are underscores
# Protos may import the shop's ("ordershop/v1/order.proto"; these import google/api/annotations.proto, which Debian has in
# golang-github-gogo-googleapis-dev) and protobuf's own.
include(${CMAKE_CURRENT_LIST_DIR}/embed.cmake)

function(ordershop_generate target folder)
  find_program(ORDERSHOP_PROTOC protoc REQUIRED)
  find_program(ORDERSHOP_PROTOC_C protoc-c REQUIRED)
  get_filename_component(folder ${folder} ABSOLUTE)
  string(MAKE_C_IDENTIFIER ${target} name)
  set(made ${CMAKE_CURRENT_BINARY_DIR}/${name}_protos)
  file(MAKE_DIRECTORY ${made})
  set(paths -I${folder} -I${OrderShop_PROTO_DIR})
  find_path(ORDERSHOP_GOOGLEAPIS google/api/annotations.proto PATHS /usr/share/gocode/src/github.com/gogo/googleapis)
  if(ORDERSHOP_GOOGLEAPIS)
    list(APPEND paths -I${ORDERSHOP_GOOGLEAPIS})
  endif()
  list(TRANSFORM ARGN PREPEND ${folder}/ OUTPUT_VARIABLE protos)
  list(TRANSFORM ARGN REPLACE "\\.proto$" ".pb-c.c" OUTPUT_VARIABLE sources)
  list(TRANSFORM ARGN REPLACE "\\.proto$" ".pb-c.h" OUTPUT_VARIABLE headers)
  list(TRANSFORM sources PREPEND ${made}/)
  list(TRANSFORM headers PREPEND ${made}/)
  add_custom_command(
    OUTPUT ${sources} ${headers} ${made}/descriptor_set.pb
    COMMAND ${ORDERSHOP_PROTOC_C} ${paths} --c_out=${made} ${protos}
    COMMAND ${ORDERSHOP_PROTOC} ${paths} --include_imports --include_source_info
            --descriptor_set_out=${made}/descriptor_set.pb ${protos}
    DEPENDS ${protos}
    VERBATIM)
  target_sources(${target} PRIVATE ${sources} ${headers})
  target_include_directories(${target} SYSTEM PRIVATE ${made})
  ordershop_embed_file(${target} ${made}/descriptor_set.pb ${name}_descriptor_set)
endfunction()
