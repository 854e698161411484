# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` installs, by component:
#   services     the services, their configuration, systemd units, what a Redis for them needs, the private CA
#   client       the command line
#   development  headers, protos and static libraries for services outside this tree
# For /etc and multiarch folders configure with -DCMAKE_INSTALL_PREFIX=/usr; DESTDIR is honoured.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(data ${CMAKE_INSTALL_DATADIR}/ordershop)
# Relative, so that `cmake --install --prefix` moves it, unless the prefix is one whose configuration lies elsewhere (/usr).
set(configuration ${CMAKE_INSTALL_FULL_SYSCONFDIR}/ordershop)
if(CMAKE_INSTALL_FULL_SYSCONFDIR STREQUAL "${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SYSCONFDIR}")
  set(configuration ${CMAKE_INSTALL_SYSCONFDIR}/ordershop)
endif()
set(units lib/systemd/system)

# --- services ---

set(ORDERSHOP_UNITS ${ORDERSHOP_SERVICES})
list(TRANSFORM ORDERSHOP_UNITS REPLACE "(.+)" "Wants=ordershop@\\1.service")
list(APPEND ORDERSHOP_UNITS Wants=ordershop-gateway.service)
list(JOIN ORDERSHOP_UNITS "\n" ORDERSHOP_UNITS)
foreach(service ${ORDERSHOP_SERVICES})
  install(TARGETS ordershop-${service} RUNTIME COMPONENT services)
  # What all of these files begin with, and what a service's own says besides.
  math(EXPR metrics_port "${ORDERSHOP_PORT_${service}} - 40600") # 9451 for 50051
  configure_file(deploy/systemd/environment/service.env.in environment/${service}.env @ONLY)
  if(EXISTS ${CMAKE_SOURCE_DIR}/deploy/systemd/environment/${service}.env)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS deploy/systemd/environment/${service}.env)
    file(READ deploy/systemd/environment/${service}.env own)
    file(APPEND ${CMAKE_BINARY_DIR}/environment/${service}.env "\n${own}")
  endif()
  install(
    FILES ${CMAKE_BINARY_DIR}/environment/${service}.env
    DESTINATION ${configuration}
    COMPONENT services)
endforeach()
install(TARGETS ordershop-gateway RUNTIME COMPONENT services)
install(
  FILES deploy/systemd/environment/gateway.env deploy/systemd/environment/common.env
  DESTINATION ${configuration}
  COMPONENT services)
install(
  FILES deploy/services.txt deploy/services.sh
  DESTINATION ${data}
  COMPONENT services)

# Units name the folders of this installation.
foreach(
  unit ordershop@.service ordershop-gateway.service ordershop.target ordershop@mail.service.d/ordershop.conf
       ordershop@event.service.d/ordershop.conf
       redis-server@ordershop.service.d/ordershop.conf ordershop-redis.service ordershop-sentinel.service)
  configure_file(deploy/systemd/${unit}.in systemd/${unit} @ONLY)
  get_filename_component(folder ${unit} DIRECTORY)
  install(
    FILES ${CMAKE_BINARY_DIR}/systemd/${unit}
    DESTINATION ${units}/${folder}
    COMPONENT services)
endforeach()
configure_file(deploy/systemd/tls.conf.in systemd/tls.conf @ONLY)
install(
  FILES ${CMAKE_BINARY_DIR}/systemd/tls.conf
  DESTINATION ${data}/systemd
  COMPONENT services)
configure_file(deploy/systemd/redis.conf.in systemd/redis.conf @ONLY)
install(
  FILES ${CMAKE_BINARY_DIR}/systemd/redis.conf deploy/systemd/environment/failover.env
  DESTINATION ${configuration}/redis
  COMPONENT services)

install(
  DIRECTORY deploy/redis/
  DESTINATION ${data}/redis
  COMPONENT services
  USE_SOURCE_PERMISSIONS)
install(
  DIRECTORY deploy/tls/
  DESTINATION ${data}/tls
  COMPONENT services
  USE_SOURCE_PERMISSIONS)

# --- client ---

install(TARGETS ordershop RUNTIME COMPONENT client)

# --- development ---

install(
  TARGETS ordershop_proto ordershop_runtime ordershop_message ordershop_brand ordershop_client
  EXPORT OrderShop
  ARCHIVE COMPONENT development)
set_target_properties(ordershop_proto PROPERTIES EXPORT_NAME proto)
set_target_properties(ordershop_runtime PROPERTIES EXPORT_NAME runtime)
set_target_properties(ordershop_message PROPERTIES EXPORT_NAME message)
set_target_properties(ordershop_brand PROPERTIES EXPORT_NAME brand)
set_target_properties(ordershop_client PROPERTIES EXPORT_NAME client)

# The runtime's headers that a service includes, and behind them those that they include; the others are its own.
set(headers
    base/arena base/brand base/clock base/config base/context base/email base/field_rules base/log base/memory base/message base/metrics base/status
    base/timestamp base/utf8 base/uuid base/version base/violations
    loop/blocking loop/coroutine loop/loop loop/timers
    redis/redis redis/redis_arguments redis/redis_function redis/redis_reply
    rpc/rpc_blocking_client rpc/rpc_client rpc/rpc_server
    message/json_read message/json_write message/message_types
    tls/certificate_check tls/tls_files
    trace/span
    store/entity_store store/event store/event_store store/log_time store/page_token store/positions store/request_record store/transaction store/turn
    store/view
    consumer/consumer consumer/outbox consumer/projection consumer/work
    service/command_replay service/definition_check service/entity_command service/service)
set(installed)
while(headers)
  list(POP_FRONT headers header)
  list(APPEND installed ${header})
  get_filename_component(layer ${header} DIRECTORY)
  install(
    FILES services/runtime/${header}.h
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordershop/runtime/${layer}
    COMPONENT development)
  file(STRINGS services/runtime/${header}.h includes REGEX "^#include \"")
  list(TRANSFORM includes REPLACE "^#include \"(.*)\\.h\".*" "\\1")
  list(REMOVE_ITEM includes ${installed} ${headers})
  list(APPEND headers ${includes})
endwhile()
install(
  FILES services/common/shop_brand.h services/common/shop_mail.h services/common/shop_reasons.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordershop/runtime
  COMPONENT development)
file(GLOB client_headers CONFIGURE_DEPENDS client/*.h)
list(APPEND client_headers ${CMAKE_BINARY_DIR}/client/ordershop_services.h)
install(
  FILES ${client_headers}
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordershop/client
  COMPONENT development)
install(
  DIRECTORY gen/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordershop/proto
  COMPONENT development
  FILES_MATCHING
  PATTERN *.h)
install(
  DIRECTORY proto
  DESTINATION ${data}
  COMPONENT development)

list(JOIN ORDERSHOP_STACK_OPTIONS " " ORDERSHOP_STACK_OPTIONS_TEXT)
# Found from where they lie, so that they are right wherever `cmake --install --prefix` puts them.
file(RELATIVE_PATH ORDERSHOP_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(folder INCLUDEDIR LIBDIR DATADIR)
  set(ORDERSHOP_PC_${folder} ${CMAKE_INSTALL_${folder}})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_${folder}})
    set(ORDERSHOP_PC_${folder} \${prefix}/${CMAKE_INSTALL_${folder}})
  endif()
endforeach()
configure_file(cmake/ordershop.pc.in ordershop.pc @ONLY)
configure_file(cmake/ordershop-client.pc.in ordershop-client.pc @ONLY)
install(
  FILES ${CMAKE_BINARY_DIR}/ordershop.pc ${CMAKE_BINARY_DIR}/ordershop-client.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
  COMPONENT development)
install(
  PROGRAMS services/template/new_service.sh
  TYPE BIN
  RENAME ordershop-new-service
  COMPONENT development)
install(
  DIRECTORY services/template
  DESTINATION ${data}
  COMPONENT development
  FILES_MATCHING
  PATTERN *.in
  PATTERN tree EXCLUDE)
install(
  PROGRAMS cmake/embed_file.sh
  DESTINATION ${data}/cmake
  COMPONENT development)
install(
  FILES cmake/boost_context.cmake cmake/embed.cmake cmake/generate.cmake
  DESTINATION ${data}/cmake
  COMPONENT development)

set(config ${CMAKE_INSTALL_LIBDIR}/cmake/OrderShop)
install(
  EXPORT OrderShop
  NAMESPACE OrderShop::
  FILE OrderShopTargets.cmake
  DESTINATION ${config}
  COMPONENT development)
configure_package_config_file(
  cmake/OrderShopConfig.cmake.in ${CMAKE_BINARY_DIR}/OrderShopConfig.cmake
  INSTALL_DESTINATION ${config}
  PATH_VARS CMAKE_INSTALL_DATADIR CMAKE_INSTALL_BINDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Before 1.0 a minor version may change anything.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/OrderShopConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_BINARY_DIR}/OrderShopConfig.cmake ${CMAKE_BINARY_DIR}/OrderShopConfigVersion.cmake
  DESTINATION ${config}
  COMPONENT development)
