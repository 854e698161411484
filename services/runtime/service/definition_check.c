/* SPDX-License-Identifier: Apache-2.0 */
#include "service/definition_check.h"

#include <string.h>

#include "base/message.h"
#include "base/reason.h"
#include "service/method_check.h"
#include "store/positions.h"

enum { PORT_MAX = 65535 };

static const char variable_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
                  metadata_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

static bool is_of(const char *text, const char *letters) {
  return text && *text && !text[strspn(text, letters)];
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

/* Keys of the service that are no views. */
static bool is_taken(const char *name) {
  static const char *const taken[] = {"position",       "lease",       "lease_epoch",  "outbox",
                                      "alone",          "parked_keys", "parked_lists", "ids",
                                      "by_creation",    "descriptors", "operations",   "parked_notes",
                                      "parked_retries", "barrier",     "rebuild"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    if (strcmp(name, taken[i]) == 0) return true;
  }
  return false;
}

static void check_view(struct mistakes *mistakes, const struct view *view) {
  const char *where = arena_printf(mistakes->arena, "view %s", mistakes_shown(view->name));
  if (!mistakes_is_name(view->name)) {
    mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
  } else if (is_taken(view->name)) {
    mistake(mistakes, where, "the key of that name is the runtime's own");
  } else if (!mistakes_is_first(mistakes, "view", view->name)) {
    mistake(mistakes, where, "comes twice");
  }
  if (!view->record) mistake(mistakes, where, "has no record");
  if (view->fields[VIEW_FIELDS]) mistake(mistakes, where, "fields names more than %d", VIEW_FIELDS);
  for (int i = 0; view->record && i < VIEW_FIELDS && view->fields[i]; i++) {
    if (protobuf_c_message_descriptor_get_field_by_name(view->record, view->fields[i])) continue;
    mistake(mistakes, where, "fields names \"%s\", which is no field of %s", view->fields[i], view->record->name);
  }
}

static void check_views(struct mistakes *mistakes) {
  const struct view *const *views = mistakes->definition->views;
  if (views[SERVICE_VIEWS]) mistake(mistakes, "views", "are more than %d", SERVICE_VIEWS);
  for (int i = 0; i < SERVICE_VIEWS && views[i]; i++) check_view(mistakes, views[i]);
}

/* ---- what it listens to ----------------------------------------------------------------------------------------- */

static bool is_among_views(const struct service_definition *definition, const struct view *view) {
  for (int i = 0; i < SERVICE_VIEWS && definition->views[i]; i++) {
    if (definition->views[i] == view) return true;
  }
  return false;
}

static void check_handlers(struct mistakes *mistakes, const char *where, const struct subscription *subscription) {
  const struct subscription *of = subscription;
  bool handled = of->created || of->updated || of->deleted || of->created_run || of->updated_run || of->deleted_run;
  if ((of->created && of->created_run) || (of->updated && of->updated_run) || (of->deleted && of->deleted_run)) {
    mistake(mistakes, where, "has a handler and a run handler for the same stream");
  }
  if (handled && of->projection) mistake(mistakes, where, "has a projection, which takes the place of handlers");
  if (!handled && !of->projection) mistake(mistakes, where, "has neither a handler nor a projection");
}

static void check_projection(struct mistakes *mistakes, const char *where, const struct subscription *subscription) {
  const struct view *view = subscription->projection;
  if (view->record != subscription->entity) {
    mistake(mistakes, where, "its projection, %s, has other records", mistakes_shown(view->name));
  }
  if (!is_among_views(mistakes->definition, view)) {
    mistake(mistakes, where, "its projection, %s, is none of the definition's views", mistakes_shown(view->name));
  }
}

/* Where its streams lie is told by variables with the owner's name. */
static void check_owner(struct mistakes *mistakes, const char *where, const struct subscription *subscription) {
  const struct service_definition *definition = mistakes->definition;
  const char *owner = subscription->owner;
  size_t size = strspn(owner, "abcdefghijklmnopqrstuvwxyz0123456789-");
  if (size == 0 || owner[size] || size >= LOG_NAME_SIZE) {
    mistake(mistakes, where, "its owner, %s, is no name of a service", mistakes_shown(owner));
  }
  if (definition->name && strcmp(owner, definition->name) == 0) {
    mistake(mistakes, where, "its owner is the service itself: leave it out");
  }
  for (size_t i = 0; i < definition->subscriptions.count; i++) {
    const struct subscription *other = &definition->subscriptions.rows[i];
    if (other->entity != subscription->entity || (other->owner && strcmp(other->owner, owner) == 0)) continue;
    mistake(mistakes, where, "another subscription to it has another owner");
    return;
  }
}

static bool is_owner(const struct service_definition *definition, const char *name) {
  for (size_t i = 0; i < definition->subscriptions.count; i++) {
    const char *owner = definition->subscriptions.rows[i].owner;
    if (owner && strcmp(owner, name) == 0) return true;
  }
  return false;
}

static size_t count_owners(const struct service_definition *definition) {
  size_t count = 0;
  for (size_t i = 0; i < definition->subscriptions.count; i++) {
    const char *owner = definition->subscriptions.rows[i].owner;
    bool is_new = owner != NULL;
    for (size_t j = 0; is_new && j < i; j++) {
      const char *before = definition->subscriptions.rows[j].owner;
      is_new = !before || strcmp(before, owner) != 0;
    }
    count += is_new;
  }
  return count;
}

static void check_owners(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (count_owners(definition) > SERVICE_OWNERS) {
    mistake(mistakes, "subscriptions", "have more than %d owners", SERVICE_OWNERS);
  }
  if (definition->housekeep_owner && !is_owner(definition, definition->housekeep_owner)) {
    mistake(mistakes, "housekeep_owner", "%s owns nothing that the service subscribes to",
            mistakes_shown(definition->housekeep_owner));
  }
}

static void check_subscription(struct mistakes *mistakes, size_t index) {
  const struct subscription *subscription = &mistakes->definition->subscriptions.rows[index];
  if (!subscription->entity) {
    mistake(mistakes, arena_printf(mistakes->arena, "subscriptions[%zu]", index), "has no entity");
    return;
  }
  const char *where = arena_printf(mistakes->arena, "subscription to %s", subscription->entity->name);
  check_handlers(mistakes, where, subscription);
  if (subscription->projection) check_projection(mistakes, where, subscription);
  if (subscription->owner) check_owner(mistakes, where, subscription);
  if (!subscription->key && !message_has_field(subscription->entity, "id", PROTOBUF_C_TYPE_STRING, false)) {
    mistake(mistakes, where, "has no key, and the entity no id");
  }
  struct arena *arena = mistakes->arena;
  size_t count;
  const struct subscribed_stream *streams = subscription_streams(arena, subscription, 1, &count);
  for (size_t i = 0; i < count; i++) {
    if (mistakes_is_first(mistakes, "stream", streams[i].name)) continue;
    mistake(mistakes, where, "%s is subscribed to twice: one must do both", streams[i].name);
  }
}

static void check_subscriptions(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (mistakes_check_table(mistakes, "subscriptions", definition->subscriptions.rows,
                           definition->subscriptions.count)) {
    for (size_t i = 0; i < definition->subscriptions.count; i++) check_subscription(mistakes, i);
    check_owners(mistakes);
  } else if (definition->housekeep) {
    mistake(mistakes, "housekeep", "is never called: the service has no subscriptions");
  }
  if (definition->events_may_wait_ms > 0 && definition->subscriptions.count == 0) {
    mistake(mistakes, "events_may_wait_ms", "says nothing: the service has no subscriptions");
  }
  if (definition->events_may_wait_ms < 0) mistake(mistakes, "events_may_wait_ms", "is negative");
}

/* ---- whom it calls ---------------------------------------------------------------------------------------------- */

/* Returns NULL if there is none of that name, or it is NULL. */
static const struct service_peer *find_peer(const struct service_definition *definition, const char *name) {
  for (int i = 0; name && i < SERVICE_PEERS && definition->peers[i].name; i++) {
    if (strcmp(definition->peers[i].name, name) == 0) return &definition->peers[i];
  }
  return NULL;
}

static bool is_called(const struct service_definition *definition, const char *peer) {
  for (size_t i = 0; definition->calls.rows && i < definition->calls.count; i++) {
    const char *called = definition->calls.rows[i].peer;
    if (called && strcmp(called, peer) == 0) return true;
  }
  return definition->outbox_peer && strcmp(definition->outbox_peer, peer) == 0;
}

static void check_peers(struct mistakes *mistakes) {
  const struct service_peer *peers = mistakes->definition->peers;
  if (peers[SERVICE_PEERS].name) mistake(mistakes, "peers", "are more than %d", SERVICE_PEERS);
  for (int i = 0; i < SERVICE_PEERS && peers[i].name; i++) {
    const char *where = arena_printf(mistakes->arena, "peer %s", peers[i].name);
    if (!mistakes_is_name(peers[i].name)) mistake(mistakes, where, "its name must be of a-z, 0-9 and _");
    if (!mistakes_is_first(mistakes, "peer", peers[i].name)) mistake(mistakes, where, "comes twice");
    if (!is_called(mistakes->definition, peers[i].name))
      mistake(mistakes, where, "no row of calls names it, and the outbox does not lead there");
    if (peers[i].port < 1 || peers[i].port > PORT_MAX) mistake(mistakes, where, "its port, %d, is none", peers[i].port);
  }
}

static void check_call(struct mistakes *mistakes, size_t index) {
  const struct peer_method *call = &mistakes->definition->calls.rows[index];
  const char *where = arena_printf(mistakes->arena, "calls[%zu], %s", index, mistakes_shown(call->name));
  const struct service_peer *peer = find_peer(mistakes->definition, call->peer);
  if (!call->name || !call->peer) {
    mistake(mistakes, where, "needs peer and name");
  } else if (!peer) {
    mistake(mistakes, where, "its peer, %s, is none of the peers", call->peer);
  } else if (!peer->service) {
    mistake(mistakes, where, "its peer, %s, has no service", call->peer);
  } else if (!protobuf_c_service_descriptor_get_method_by_name(peer->service, call->name)) {
    mistake(mistakes, where, "is no method of %s", peer->service->name);
  }
}

static void check_calls(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!mistakes_check_table(mistakes, "calls", definition->calls.rows, definition->calls.count)) return;
  for (size_t i = 0; i < definition->calls.count; i++) check_call(mistakes, i);
}

static void check_route(struct mistakes *mistakes, const struct outbox_route *route) {
  if (!route->service || !route->method || !route->message) {
    mistake(mistakes, "outbox", "needs service, method and message");
    return;
  }
  const ProtobufCMethodDescriptor *method =
      protobuf_c_service_descriptor_get_method_by_name(route->service, route->method);
  if (!method) {
    mistake(mistakes, "outbox", "%s has no method %s", route->service->name, route->method);
  } else if (!message_has_message(method->input, route->message, true)) {
    mistake(mistakes, "outbox", "%s takes no batch of %s", route->method, route->message->name);
  }
  if (route->batch_messages < 0 || route->batch_bytes < 0)
    mistake(mistakes, "outbox", "the size of a batch is negative");
}

static void check_outbox(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!definition->outbox) {
    if (definition->outbox_peer)
      mistake(mistakes, "outbox_peer", "is %s, but there is no outbox", definition->outbox_peer);
    return;
  }
  check_route(mistakes, definition->outbox);
  if (!find_peer(definition, definition->outbox_peer)) {
    mistake(mistakes, "outbox_peer", "%s is none of the peers", mistakes_shown(definition->outbox_peer));
  }
  if (definition->subscriptions.count == 0)
    mistake(mistakes, "outbox", "nobody fills it: the service has no subscriptions");
}

/* ---- settings --------------------------------------------------------------------------------------------------- */

static bool is_variable(const char *name, const char *prefix) {
  size_t size = strlen(prefix);
  return name && strncmp(name, prefix, size) == 0 && name[size] && is_of(name, variable_letters);
}

static void check_setting(struct mistakes *mistakes, size_t index) {
  const struct setting *setting = &mistakes->definition->settings.rows[index];
  const char *where = arena_printf(mistakes->arena, "settings[%zu], %s", index, mistakes_shown(setting->variable));
  const struct brand *brand = mistakes->definition->brand;
  const char *prefix = brand && brand->environment_prefix ? brand->environment_prefix : "";
  if (!is_variable(setting->variable, prefix))
    mistake(mistakes, where, "its variable must be %s and more of A-Z, 0-9 and _", prefix);
  if (!setting->target) mistake(mistakes, where, "has no target");
  if (!setting->help) mistake(mistakes, where, "has no help");
  if (setting->kind == SETTING_CHOICE && !setting->choices) mistake(mistakes, where, "has no choices");
  if (setting->kind == SETTING_INTEGER && setting->min > setting->max)
    mistake(mistakes, where, "its min is above its max");
}

static void check_settings(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!mistakes_check_table(mistakes, "settings", definition->settings.rows, definition->settings.count)) return;
  for (size_t i = 0; i < definition->settings.count; i++) check_setting(mistakes, i);
}

/* ---- brand ------------------------------------------------------------------------------------------------------ */

/* The prefix ends with _, so that another product's variable which begins likewise isn't taken for one of this
 * product. */
static bool is_environment_prefix(const char *prefix) {
  return is_of(prefix, variable_letters) && *prefix != '_' && prefix[strlen(prefix) - 1] == '_' && prefix[1];
}

/* gRPC keeps names that begin like this for itself, and decodes values of names that end like this. */
static bool is_metadata_key(const char *key) {
  return is_of(key, metadata_letters) && strncmp(key, "grpc-", 5) != 0 &&
         (strlen(key) < 4 || strcmp(key + strlen(key) - 4, "-bin") != 0);
}

static void check_metadata(struct mistakes *mistakes, const struct brand *brand) {
  const char *rule = "%s must be of a-z, 0-9 and -, not begin with grpc- nor end with -bin";
  if (!is_metadata_key(brand->after_metadata))
    mistake(mistakes, "brand->after_metadata", rule, mistakes_shown(brand->after_metadata));
  if (!is_metadata_key(brand->position_metadata))
    mistake(mistakes, "brand->position_metadata", rule, mistakes_shown(brand->position_metadata));
  if (brand->after_metadata && brand->position_metadata && strcmp(brand->after_metadata, brand->position_metadata) == 0)
    mistake(mistakes, "brand->position_metadata", "is the same as after_metadata");
}

/* What arrives over the wire is looked up among the runtime's reasons first, so a brand's reason of the same name would
 * never be found. */
static void check_reasons(struct mistakes *mistakes, const struct brand *brand) {
  for (const char *const *reason = brand->reasons; reason && *reason; reason++) {
    if (reason_find(runtime_reasons, *reason) || reason_is_of_type(*reason))
      mistake(mistakes, "brand->reasons", "%s is a reason of the runtime", *reason);
  }
}

static bool is_printable(const char *text) {
  if (!text || !*text) return false;
  for (; *text; text++) {
    if (*text <= ' ' || *text > '~') return false;
  }
  return true;
}

static void check_brand(struct mistakes *mistakes) {
  const struct brand *brand = mistakes->definition->brand;
  if (!brand) {
    mistake(mistakes, "brand", "is missing");
    return;
  }
  if (!mistakes_is_name(brand->name))
    mistake(mistakes, "brand->name", "%s must be of a-z, 0-9 and _", mistakes_shown(brand->name));
  if (!is_environment_prefix(brand->environment_prefix)) {
    mistake(mistakes, "brand->environment_prefix", "%s must be of A-Z, 0-9 and _, and end with _",
            mistakes_shown(brand->environment_prefix));
  }
  check_metadata(mistakes, brand);
  check_reasons(mistakes, brand);
  if (!is_printable(brand->error_domain)) mistake(mistakes, "brand->error_domain", "is missing, or has blanks");
  if (!is_printable(brand->clock_key)) mistake(mistakes, "brand->clock_key", "is missing, or has blanks");
  if (!is_printable(brand->identity_prefix) || !strstr(brand->identity_prefix, "://"))
    mistake(mistakes, "brand->identity_prefix", "%s must be the beginning of a URI",
            mistakes_shown(brand->identity_prefix));
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static void check_itself(struct mistakes *mistakes) {
  const struct service_definition *definition = mistakes->definition;
  if (!mistakes_is_name(definition->name))
    mistake(mistakes, "name", "%s must be of a-z, 0-9 and _", mistakes_shown(definition->name));
  if (!definition->purpose || !*definition->purpose) mistake(mistakes, "purpose", "is missing: --help tells it");
  if (definition->port < 1 || definition->port > PORT_MAX) mistake(mistakes, "port", "%d is none", definition->port);
}

struct status definition_check(struct arena *arena, const struct service_definition *definition) {
  struct mistakes mistakes = mistakes_of(arena, definition);
  check_itself(&mistakes);
  check_brand(&mistakes);
  method_check(&mistakes);
  check_views(&mistakes);
  check_subscriptions(&mistakes);
  check_peers(&mistakes);
  check_calls(&mistakes);
  check_outbox(&mistakes);
  check_settings(&mistakes);
  return mistakes_status(&mistakes);
}
