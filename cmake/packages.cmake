# SPDX-License-Identifier: Apache-2.0
# Debian packages by CPack, one a component; deploy/debian/build.sh configures, builds and makes them.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ordershop)
set(CPACK_PACKAGE_CONTACT "OrderShop maintainers <maintainers@ordershop.invalid>")
set(CPACK_COMPONENTS_ALL services client development)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_STRIP_FILES ON)
# Folders of packages are everybody's to read, whatever the umask of whoever builds.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
                                                WORLD_EXECUTE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_SOURCE_DIR}/cmake/compress_manuals.cmake)

set(CPACK_DEBIAN_SERVICES_PACKAGE_NAME ordershop-services)
set(CPACK_DEBIAN_SERVICES_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVICES_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SERVICES_PACKAGE_RECOMMENDS "redis-server (>= 5:7.0), ordershop-client (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_SERVICES_PACKAGE_SUGGESTS openssl)
set(CPACK_COMPONENT_SERVICES_DESCRIPTION
    "back end of an online shop: its eight services
Customers, products, stock, orders, billing, interactions with customers and
mails, each a service of its own with a gRPC API, one that tells all their
events, and a gateway for HTTP. Every change is also an event
in a Redis stream, and services react to each other's events, exactly once.

Nothing is started: services need passwords for Redis first. See
/usr/share/doc/ordershop-services/README.Debian.")
set(CPACK_DEBIAN_SERVICES_PACKAGE_CONTROL_EXTRA "${CMAKE_BINARY_DIR}/debian/conffiles;\
${CMAKE_SOURCE_DIR}/deploy/debian/services/postinst;${CMAKE_SOURCE_DIR}/deploy/debian/services/prerm;\
${CMAKE_SOURCE_DIR}/deploy/debian/services/postrm")

set(CPACK_DEBIAN_CLIENT_PACKAGE_NAME ordershop-client)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SECTION net)
set(CPACK_DEBIAN_CLIENT_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_CLIENT_DESCRIPTION
    "back end of an online shop: the command line
The ordershop command does all that the services of OrderShop offer, for people
(tables, completion, a demo) and for programs (JSON), and tells how the
services are. ordershop load measures what they bear.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libordershop-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "ordershop-services (= ${PROJECT_VERSION}), libboost-context-dev, libc6-dev, libgrpc-dev, libhiredis-dev, libjansson-dev, libprotobuf-c-dev (>= 1.4), libssl-dev, \
libuv1-dev, uuid-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_RECOMMENDS
    "pkgconf, protobuf-c-compiler, protobuf-compiler, libprotobuf-dev, golang-github-gogo-googleapis-dev")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS cmake)
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
    "runtime for event-driven services on gRPC and Redis streams
A static library under services in C that keep entities in Redis, serve them
over gRPC, tell every change as an event and react to those of others exactly
once; OrderShop's services are made of it. With OrderShop's protos, a client
library, and files for pkg-config and CMake.")

# --- What belongs to a Debian package beside what is installed ---

string(TIMESTAMP changed "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH where that is set
file(WRITE ${CMAKE_BINARY_DIR}/debian/changelog
     "ordershop (${PROJECT_VERSION}) unstable; urgency=medium\n\n  * Made from OrderShop ${PROJECT_VERSION}.\n\n"
     " -- ${CPACK_PACKAGE_CONTACT}  ${changed}\n")
execute_process(COMMAND gzip -9n INPUT_FILE ${CMAKE_BINARY_DIR}/debian/changelog
                OUTPUT_FILE ${CMAKE_BINARY_DIR}/debian/changelog.gz)
foreach(pair services:ordershop-services client:ordershop-client development:libordershop-dev)
  string(REPLACE ":" ";" pair ${pair})
  list(GET pair 0 component)
  list(GET pair 1 package)
  set(files ${CMAKE_BINARY_DIR}/debian/changelog.gz ${CMAKE_SOURCE_DIR}/deploy/debian/copyright)
  if(EXISTS ${CMAKE_SOURCE_DIR}/deploy/debian/${component}/README.Debian)
    list(APPEND files ${CMAKE_SOURCE_DIR}/deploy/debian/${component}/README.Debian)
  endif()
  install(
    FILES ${files}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
    COMPONENT ${component})
endforeach()

set(conffiles common.env gateway.env redis/redis.conf redis/failover.env)
foreach(service ${ORDERSHOP_SERVICES})
  list(APPEND conffiles ${service}.env)
endforeach()
list(TRANSFORM conffiles PREPEND ${configuration}/)
list(JOIN conffiles "\n" conffiles)
file(WRITE ${CMAKE_BINARY_DIR}/debian/conffiles "${conffiles}\n")

include(CPack)
