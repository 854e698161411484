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
  const char *folder;
  const char *prefixes[PLACES];          /* before the keys of each */
  struct private_redis *servers[PLACES]; /* not of a cluster */
  struct private_cluster *cluster;       /* NULL if each has a server */
};

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "private Redises: %s %s (%s)\n", what, detail, strerror(errno));
  exit(2);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* The shipped rules, as make_users.sh writes them for the `words`; only the default user, the test's own, may do
 * everything. Returns the folder. */
static const char *make_users(const struct private_redises *redises, const char *name, const char *words) {
  const char *users = arena_printf(redises->arena, "%s/%s", redises->folder, name);
  const char *command = arena_printf(redises->arena,
                                     "'%s/deploy/redis/make_users.sh' '%s' %s && "
                                     "sed -i 's/^user default .*/user default on nopass ~* \\&* +@all/' '%s/users.acl'",
                                     ORDERSHOP_SOURCE_BUILT, users, words, users);
  if (system(command) != 0) fail("can't make users:", command);
  return users;
}

static struct private_redises *redises_new(struct arena *arena, const char *folder) {
  struct private_redises *redises = arena_calloc(arena, 1, sizeof *redises);
  redises->arena = arena;
  redises->folder = folder;
  return redises;
}

struct private_redises *private_redises_start(struct arena *arena, const char *folder, const char *key_prefix) {
  struct private_redises *redises = redises_new(arena, folder);
  for (size_t i = 0; i < PLACES; i++) {
    const char *words = arena_printf(arena, "--prefix '%s' --of %s", key_prefix, places[i].name);
    const char *users = make_users(redises, arena_printf(arena, "users-%s", places[i].name), words);
    const struct private_redis_options options = {.persistent = true,
                                                  .arguments = arena_printf(arena, "--aclfile %s/users.acl", users)};
    redises->prefixes[i] = key_prefix;
    redises->servers[i] = private_redis_start(&options);
  }
  return redises;
}

struct private_redises *private_redises_start_cluster(struct arena *arena, const char *folder) {
  struct private_redises *redises = redises_new(arena, folder);
  for (size_t i = 0; i < PLACES; i++) redises->prefixes[i] = arena_printf(arena, "{%s}:", places[i].name);
  const char *words = "--prefix '" PRIVATE_CLUSTER_PREFIX "' --each '{<service>}:'";
  redises->cluster = private_cluster_start(arena, make_users(redises, "users", words));
  return redises;
}

void private_redises_free(struct private_redises *redises) {
  for (size_t i = 0; redises && i < PLACES; i++) private_redis_free(redises->servers[i]);
  if (redises) private_cluster_free(redises->cluster);
}

/* ---- which one -------------------------------------------------------------------------------------------------- */

static struct private_redis *server_of(struct private_redises *redises, size_t place) {
  if (!redises->cluster) return redises->servers[place];
  return private_cluster_master_of(redises->cluster, redises->prefixes[place]);
}

struct private_cluster *private_redises_cluster(struct private_redises *redises) {
  return redises->cluster;
}

/* PLACES if it owns nothing. */
static size_t place_of(enum ordershop_service service) {
  size_t i = 0;
  while (i < PLACES && places[i].service != service) i++;
  return i;
}

struct private_redis *private_redises_of(struct private_redises *redises, enum ordershop_service service) {
  size_t place = place_of(service);
  return place < PLACES ? server_of(redises, place) : NULL;
}

const char *private_redises_prefix(const struct private_redises *redises, enum ordershop_service service) {
  size_t place = place_of(service);
  if (place == PLACES) fail("it owns nothing:", ordershop_service_name(service));
  return redises->prefixes[place];
}

static bool begins_with(const char *text, const char *beginning) {
  return strncmp(text, beginning, strlen(beginning)) == 0;
}

static size_t place_of_key(const char *key) {
  static const char events[] = "events:";
  const char *name = begins_with(key, events) ? key + strlen(events) : key;
  for (size_t i = 0; i < PLACES; i++) {
    if (begins_with(name, places[i].key) || begins_with(name, places[i].entity)) return i;
  }
  fail("no service has the key", key);
}

struct private_redis *private_redises_of_key(struct private_redises *redises, const char *key) {
  return server_of(redises, place_of_key(key));
}

const char *private_redises_prefix_of_key(const struct private_redises *redises, const char *key) {
  return redises->prefixes[place_of_key(key)];
}

static size_t cluster_variables(struct private_redises *redises, const char *service, char **variables) {
  struct arena *arena = redises->arena;
  size_t count = 0;
  variables[count++] = arena_printf(arena, "ORDERSHOP_REDIS_URL=%s", private_cluster_url(redises->cluster, service));
  variables[count++] = arena_strdup(arena, "ORDERSHOP_KEY_PREFIX=" PRIVATE_CLUSTER_PREFIX);
  for (size_t i = 0; i < PLACES; i++) {
    variables[count++] = arena_printf(arena, "ORDERSHOP_%s_KEY_PREFIX=%s", places[i].variable, redises->prefixes[i]);
  }
  return count;
}

size_t private_redises_variables(struct private_redises *redises, const char *service, char **variables) {
  if (redises->cluster) return cluster_variables(redises, service, variables);
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
  if (redises->cluster) return private_cluster_has_denied(redises->cluster);
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
  const char *told = private_redis_command(server_of(redises, of), "GET %sordershop_clock", redises->prefixes[of]);
  snprintf(ret_clock, size, "%.*s", told ? (int)strcspn(told, " ") : 0, told ? told : "");
}

bool private_redises_are_followed(struct private_redises *redises, const char *service) {
  size_t own = find(service);
  const char *prefix = redises->prefixes[own];
  for (size_t i = 0; places[own].follows[i]; i++) {
    const char *followed = places[own].follows[i];
    bool is_own = strcmp(followed, service) == 0;
    char clock[128];
    read_clock(redises, find(followed), clock, sizeof clock);
    const char *position = private_redis_command(server_of(redises, own), "HGET %s%s_position log%s%s", prefix, service,
                                                 is_own ? "" : ":", is_own ? "" : followed);
    if (*clock && (!position || strcmp(position, clock) != 0)) return false;
  }
  return private_redis_number(server_of(redises, own), "LLEN %s%s_outbox", prefix, service) == 0;
}

void private_redises_note_ends(struct private_redises *redises, struct positions *positions) {
  for (size_t i = 0; i < PLACES; i++) {
    private_redis_note_end(server_of(redises, i), redises->prefixes[i], places[i].name, positions);
  }
}
