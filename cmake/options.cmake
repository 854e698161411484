# Compile options of our own code (generated code is built without them).
add_library(ordershop_options INTERFACE)
target_compile_options(ordershop_options INTERFACE -Wall -Wextra -Wconversion -Wstrict-prototypes -Wmissing-prototypes
                                                  -Wshadow -Werror -fno-omit-frame-pointer)
target_compile_definitions(ordershop_options INTERFACE _GNU_SOURCE)
if(ORDERSHOP_FAIL_POINTS)
  target_compile_definitions(ordershop_options INTERFACE ORDERSHOP_FAIL_POINTS)
endif()
if(ORDERSHOP_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
else()
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2> -fstack-protector-strong)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
# Only libraries that a program itself uses, not all that these ask for: gRPC's pkg-config names forty.
add_link_options(-Wl,--as-needed)
