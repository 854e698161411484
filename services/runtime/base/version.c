#include "base/version.h"

const char ordershop_version[] = ORDERSHOP_VERSION;
