/* SPDX-License-Identifier: Apache-2.0 */
#include "base/version.h"

const char runtime_version[] = RUNTIME_VERSION;
