/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "service/service.h"

/* The event service. Its `user` is a struct event_log. */
extern const struct service_definition event_service;
