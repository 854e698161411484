# SPDX-License-Identifier: Apache-2.0
# Compile and link options. What a builder or a distribution has set in CFLAGS and LDFLAGS stays as it is: defaults of ours
# stand before it, so that the last of two that contradict each other is the builder's.

# Of our own code (generated code is built without them). Warnings stop nobody but developers, who configure with
# -DCMAKE_COMPILE_WARNING_AS_ERROR=ON as tests/run.sh does.
add_library(ordershop_options INTERFACE)
target_compile_options(ordershop_options INTERFACE -Wall -Wextra -Wconversion -Wstrict-prototypes -Wmissing-prototypes
                                                  -Wshadow)
target_compile_definitions(ordershop_options INTERFACE _GNU_SOURCE)
if(ORDERSHOP_FAIL_POINTS)
  target_compile_definitions(ordershop_options INTERFACE FAIL_POINTS)
endif()

# Of all code.
set(compile_defaults -fno-omit-frame-pointer)
# Only libraries that a program itself uses, not all that these ask for: gRPC's pkg-config names forty.
set(link_defaults -Wl,--as-needed)
if(ORDERSHOP_SANITIZE)
  list(APPEND compile_defaults -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  list(APPEND link_defaults -fsanitize=address,undefined)
else()
  list(APPEND compile_defaults -fstack-protector-strong)
  list(APPEND link_defaults -Wl,-z,relro,-z,now)
  # A program takes what it uses of the runtime, not all of each file that it uses something of.
  list(APPEND compile_defaults -ffunction-sections -fdata-sections)
  list(APPEND link_defaults -Wl,--gc-sections)
  include(CheckCCompilerFlag)
  check_c_compiler_flag(-fstack-clash-protection ORDERSHOP_STACK_CLASH_PROTECTION)
  if(ORDERSHOP_STACK_CLASH_PROTECTION)
    list(APPEND compile_defaults -fstack-clash-protection)
  endif()

  # A macro that is defined twice is a warning, and without optimization glibc warns of this one.
  include(CheckCSourceCompiles)
  set(CMAKE_TRY_COMPILE_CONFIGURATION ${CMAKE_BUILD_TYPE})
  unset(ORDERSHOP_FORTIFY CACHE) # flags may have changed since
  check_c_source_compiles(
    "#if !defined __OPTIMIZE__ || defined _FORTIFY_SOURCE
     #error
     #endif
     int main(void) { return 0; }"
    ORDERSHOP_FORTIFY)
  if(ORDERSHOP_FORTIFY)
    list(APPEND compile_defaults -D_FORTIFY_SOURCE=2)
  endif()
endif()
list(JOIN compile_defaults " " compile_defaults)
list(JOIN link_defaults " " link_defaults)
set(CMAKE_C_FLAGS "${compile_defaults} ${CMAKE_C_FLAGS}")
set(CMAKE_EXE_LINKER_FLAGS "${link_defaults} ${CMAKE_EXE_LINKER_FLAGS}")
