/* SPDX-License-Identifier: Apache-2.0 */
/* Version of this source tree, from the build (CMake's project()). Any thread. */
#pragma once

/* "1.2.3" */
extern const char runtime_version[];
