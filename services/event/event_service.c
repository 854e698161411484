/* SPDX-License-Identifier: Apache-2.0 */
/* Event: the log of the shop's events over gRPC (proto/ordershop/v1/event.proto). It owns nothing and writes nothing to
 * Redis, but for clocks that it has moved on; what it keeps is an index of the log (event_index.h), which it can make
 * again, and the archive of the log (archive.h, proto/ordershop/v1/archive.proto), if there is one. */
#include "event_service.h"

#include <ordershop/v1/archive.pb-c.h>
#include <ordershop/v1/event.pb-c.h>

#include "archive_service.h"
#include "cause_tree.h"
#include "event_log.h"
#include "event_query.h"
#include "event_watch.h"
#include "log_places.h"
#include "shop.h"
#include "store/log_time.h"
#include "stream_list.h"

static const struct rpc_method methods[] = {
    {.name = "ListStreams", .handler = list_streams},
    {.name = "ReadEvents", .handler = read_events},
    {.name = "WatchEvents", .stream_handler = watch_events},
    {.name = "GetEntityHistory", .handler = get_entity_history},
    {.name = "GetEntityAt", .handler = get_entity_at},
    {.name = "TraceCause", .handler = trace_cause},
};

static const struct rpc_method archive_methods[] = {
    {.name = "ArchiveEvents", .handler = archive_events, .flags = METHOD_FOR_OPERATORS},
};

static const char *folder, *archive_folder, *lost_archive;

static const char *check_entry_id(const char *value) {
  int64_t log_time;
  return !*value || log_time_parse(value, &log_time)
             ? NULL
             : "the id of an entry, as the service names it, e.g. 1548699678802-91";
}

static const struct setting event_settings[] = {
    {.variable = "ORDERSHOP_EVENT_FOLDER",
     .kind = SETTING_TEXT,
     .target = &folder,
     .fallback = "event",
     .help = "folder for the index of the log, which is made anew where it is missing"},
    {.variable = "ORDERSHOP_ARCHIVE_FOLDER",
     .kind = SETTING_TEXT,
     .target = &archive_folder,
     .fallback = "",
     .help = "folder of the archive, which has events that Redis has no more; empty: none is kept"},
    {.variable = "ORDERSHOP_ACCEPT_LOST_ARCHIVE",
     .kind = SETTING_TEXT,
     .target = &lost_archive,
     .fallback = "",
     .help = "the entry up to which events are given up that an archive had which is lost, as the service names it",
     .check = check_entry_id},
};

static struct status start(struct service *service) {
  struct event_log *log;
  struct status status = event_log_open(service, folder, archive_folder, lost_archive, &log);
  if (status_is_ok(status)) service->user = log;
  return status;
}

static const char *reason(const struct service *service) {
  return event_log_trouble(service->user);
}

static coroutine_fn void stop(struct service *service) {
  event_log_close(service->user);
}

const struct service_definition event_service = {
    .brand = &shop_brand,
    .name = "event",
    .purpose = "tells the events of the shop: their log, an entity's history, what led to what",
    .port = SHOP_PORT_EVENT,
    .services = {{.descriptor = &ordershop__v1__event_service__descriptor, .methods = ROWS(methods)},
                 {.descriptor = &ordershop__v1__archive_service__descriptor, .methods = ROWS(archive_methods)}},
    .descriptor_set = {ordershop_descriptor_set, &ordershop_descriptor_set_size},
    .reads_only = true,
    .reads_logs_of = log_places_owners,
    .settings = ROWS(event_settings),
    .start = start,
    .reason = reason,
    .stop = stop,
};
