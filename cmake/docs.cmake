# SPDX-License-Identifier: Apache-2.0
# The target `docs`: the reference of the headers that are installed, by Doxygen, in <build>/docs/html. After
# install.cmake, which has found these headers.
set(reference_headers)
foreach(header ${installed})
  string(APPEND reference_headers " \"${CMAKE_SOURCE_DIR}/services/runtime/${header}.h\"")
endforeach()
foreach(header ${client_headers})
  string(APPEND reference_headers " \"${header}\"")
endforeach()
configure_file(docs/reference/Doxyfile.in docs/Doxyfile @ONLY)

find_program(DOXYGEN doxygen)
find_program(DOXYGEN_PYTHON python3) # the Doxyfile's filter
if(DOXYGEN AND DOXYGEN_PYTHON)
  add_custom_target(
    docs
    COMMAND ${DOXYGEN} ${CMAKE_BINARY_DIR}/docs/Doxyfile
    COMMENT "Writing docs/html/index.html"
    VERBATIM)
else()
  add_custom_target(
    docs
    COMMAND ${CMAKE_COMMAND} -E echo "There is no doxygen or no python3 here (Debian packages of these names)"
    COMMAND ${CMAKE_COMMAND} -E false
    VERBATIM)
endif()
