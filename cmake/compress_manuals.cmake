# SPDX-License-Identifier: Apache-2.0
# For CPack, between installing and packing: Debian wants manual pages compressed.
file(GLOB_RECURSE manuals ${CPACK_TEMPORARY_DIRECTORY}/*.[1-9])
list(FILTER manuals INCLUDE REGEX "/share/man/man[1-9]/")
foreach(manual ${manuals})
  execute_process(COMMAND gzip -9n ${manual} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
