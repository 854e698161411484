# SPDX-License-Identifier: Apache-2.0
# The list of the shop's services, deploy/services.txt, for the build: ORDERSHOP_SERVICES has the names, in its order, and
# ORDERSHOP_PORT_<name> the ports. A change of the list configures anew.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/deploy/services.txt)
file(STRINGS ${CMAKE_SOURCE_DIR}/deploy/services.txt rows REGEX "^[a-z]")
set(ORDERSHOP_SERVICES)
foreach(row ${rows})
  if(NOT row MATCHES "^([a-z][a-z0-9]*)[ \t]+([0-9]+)[ \t]")
    message(FATAL_ERROR "deploy/services.txt: no name and port at the beginning of: ${row}")
  endif()
  list(APPEND ORDERSHOP_SERVICES ${CMAKE_MATCH_1})
  set(ORDERSHOP_PORT_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

# For C: <shop_ports.h>.
set(ORDERSHOP_PORTS_TEXT)
set(ORDERSHOP_PORT_ROWS)
foreach(service ${ORDERSHOP_SERVICES})
  string(TOUPPER ${service} constant)
  string(APPEND ORDERSHOP_PORTS_TEXT "  SHOP_PORT_${constant} = ${ORDERSHOP_PORT_${service}},\n")
  list(APPEND ORDERSHOP_PORT_ROWS "{\"${service}\", ${ORDERSHOP_PORT_${service}}}")
endforeach()
list(JOIN ORDERSHOP_PORT_ROWS ", \\\n  " ORDERSHOP_PORT_ROWS)

# For the client library: <client/ordershop_services.h>.
set(ORDERSHOP_CLIENT_ENUMERATORS)
set(ORDERSHOP_CLIENT_ROWS)
set(ORDERSHOP_CLIENT_DISTANCE_MAX 0)
foreach(service ${ORDERSHOP_SERVICES})
  string(TOUPPER ${service} constant)
  math(EXPR distance "${ORDERSHOP_PORT_${service}} - 50050")
  if(distance GREATER ORDERSHOP_CLIENT_DISTANCE_MAX)
    set(ORDERSHOP_CLIENT_DISTANCE_MAX ${distance})
  endif()
  string(APPEND ORDERSHOP_CLIENT_ENUMERATORS "  ORDERSHOP_${constant},\n")
  list(APPEND ORDERSHOP_CLIENT_ROWS "with(${constant}, ${service}, ${distance})")
endforeach()
list(JOIN ORDERSHOP_CLIENT_ROWS ", \\\n  " ORDERSHOP_CLIENT_ROWS)
