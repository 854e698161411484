# SPDX-License-Identifier: Apache-2.0
# BoostContext: the library under the coroutines. Only its C symbols are used, so neither Boost's headers nor its own CMake
# files, which may ask for C++, have a part in it.
find_library(ORDERSHOP_BOOST_CONTEXT boost_context REQUIRED)
add_library(BoostContext UNKNOWN IMPORTED)
set_target_properties(BoostContext PROPERTIES IMPORTED_LOCATION ${ORDERSHOP_BOOST_CONTEXT})
