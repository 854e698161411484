# Debian packages, one a component, by CPack: see deploy/debian/build.sh.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ordershop)
include(CPack)
