/* Version: of this source tree, from the build (CMake's project()). Any thread. */
#pragma once

/* "0.1.0" */
extern const char ordershop_version[];
