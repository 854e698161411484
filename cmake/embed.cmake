# SPDX-License-Identifier: Apache-2.0
# ordershop_embed_file(<target> <file> <symbol>): compiles a file into the target as
#   const unsigned char <symbol>[] (with a NUL behind it) and const size_t <symbol>_size.
function(ordershop_embed_file target file symbol)
  get_filename_component(source ${file} ABSOLUTE)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_file.sh ${source} ${output} ${symbol}
    DEPENDS ${source} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_file.sh
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
