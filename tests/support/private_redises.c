/* SPDX-License-Identifier: Apache-2.0 */
#include "private_redises.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A service with a Redis of its own, what its keys and streams begin with, and whose streams it follows. */
static const struct place {
  enum ordershop_service service;
  const char *variable, *name, *key, *entity, *follows[5];
} places[] = {
    {ORDERSHOP_CUSTOMER, "CUSTOMER", "customer", "customer_", "customer_", {NULL}},
    {ORDERSHOP_PRODUCT, "PRODUCT", "product", "product_", "product_", {NULL}},
    {ORDERSHOP_INVENTORY, "INVENTORY", "inventory", "inventory_", "inventory_", {"order", "product"}},
    {ORDERSHOP_ORDER, "ORDER", "order", "order_", "order_", {"product", "customer", "billing"}},
    {ORDERSHOP_BILLING, "BILLING", "billing", "billing_", "billing_", {"customer", "order", "billing"}},
    {ORDERSHOP_CRM, "CRM", "crm", "crm_", "interaction_", {"customer", "order", "billing", "inventory"}},
    {ORDERSHOP_MAIL, "MAIL", "mail", "mail_", "mail_", {"mail"}},
};

enum { PLACES = sizeof places / sizeof *places };

struct private_redises {
  struct arena *arena;
  const char *folder, *key_prefix;
  struct private_redis *servers[PLACES];
};

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "private Redises: %s %s (%s)\n", what, detail, strerror(errno));
  exit(2);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* The shipped rules; only the default user, the test's own, may do everything. */
static const char *make_users(const struct private_redises *redises, const struct place *place) {
  const char *users = arena_printf(redises->arena, "%s/users-%s", redises->folder, place->name);
  const char *command = arena_printf(redises->arena,
                                     "'%s/deploy/redis/make_users.sh' '%s' --prefix '%s' --of %s && "
                                     "sed -i 's/^user default .*/user default on nopass ~* \\&* +@all/' '%s/users.acl'",
                                     ORDERSHOP_SOURCE_BUILT, users, redises->key_prefix, place->name, users);
  if (system(command) != 0) fail("can't make users:", command);
  return arena_printf(redises->arena, "--aclfile %s/users.acl", users);
}

struct private_redises *private_redises_start(struct arena *arena, const char *folder, const char *key_prefix) {
  struct private_redises *redises = arena_calloc(arena, 1, sizeof *redises);
  redises->arena = arena;
  redises->folder = folder;
  redises->key_prefix = key_prefix;
  for (size_t i = 0; i < PLACES; i++) {
    const struct private_redis_options options = {.persistent = true, .arguments = make_users(redises, &places[i])};
    redises->servers[i] = private_redis_start(&options);
  }
  return redises;
}

void private_redises_free(struct private_redises *redises) {
  for (size_t i = 0; redises && i < PLACES; i++) private_redis_free(redises->servers[i]);
}

/* ---- which one -------------------------------------------------------------------------------------------------- */

struct private_redis *private_redises_of(struct private_redises *redises, enum ordershop_service service) {
  for (size_t i = 0; i < PLACES; i++) {
    if (places[i].service == service) return redises->servers[i];
  }
  return NULL;
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

struct private_redis *private_redises_of_key(struct private_redises *redises, const char *key) {
  static const char events[] = "events:";
  const char *name = begins_with(key, events) ? key + strlen(events) : key;
  for (size_t i = 0; i < PLACES; i++) {
    if (begins_with(name, places[i].key) || begins_with(name, places[i].entity)) return redises->servers[i];
  }
  fail("no service has the key", key);
}

size_t private_redises_variables(struct private_redises *redises, const char *service, char **variables) {
  struct arena *arena = redises->arena;
  size_t count = 0;
  for (size_t i = 0; i < PLACES; i++) {
    const char *password = arena_printf(arena, "%s/users-%s/%s.password", redises->folder, places[i].name, service);
    if (access(password, R_OK) != 0) continue; /* nothing there is its business */
    variables[count++] = arena_printf(arena, "ORDERSHOP_%s_REDIS_URL=redis://%s@127.0.0.1:%d/0", places[i].variable,
                                      service, private_redis_port(redises->servers[i]));
    variables[count++] = arena_printf(arena, "ORDERSHOP_%s_REDIS_PASSWORD_FILE=%s", places[i].variable, password);
  }
  return count;
}

/* ---- how they are ----------------------------------------------------------------------------------------------- */

bool private_redises_have_denied(struct private_redises *redises) {
  bool denied = false;
  for (size_t i = 0; i < PLACES; i++) {
    if (!private_redis_has_denied(redises->servers[i])) continue;
    fprintf(stderr, "%s: %s\n", places[i].name, private_redis_command(redises->servers[i], "ACL LOG"));
    denied = true;
  }
  return denied;
}

static size_t find(const char *service) {
  for (size_t i = 0; i < PLACES; i++) {
    if (strcmp(places[i].name, service) == 0) return i;
  }
  fail("no Redis of", service);
}

/* The clock of the log of that service; "" where nothing has happened yet. */
static void read_clock(struct private_redises *redises, size_t of, char *ret_clock, size_t size) {
  const char *told = private_redis_command(redises->servers[of], "GET %sordershop_clock", redises->key_prefix);
  snprintf(ret_clock, size, "%.*s", told ? (int)strcspn(told, " ") : 0, told ? told : "");
}

bool private_redises_are_followed(struct private_redises *redises, const char *service) {
  size_t own = find(service);
  for (size_t i = 0; places[own].follows[i]; i++) {
    const char *followed = places[own].follows[i];
    bool is_own = strcmp(followed, service) == 0;
    char clock[128];
    read_clock(redises, find(followed), clock, sizeof clock);
    const char *position =
        private_redis_command(redises->servers[own], "HGET %s%s_position log%s%s", redises->key_prefix, service,
                              is_own ? "" : ":", is_own ? "" : followed);
    if (*clock && (!position || strcmp(position, clock) != 0)) return false;
  }
  return private_redis_number(redises->servers[own], "LLEN %s%s_outbox", redises->key_prefix, service) == 0;
}
