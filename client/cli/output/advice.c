/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/output/advice.h"

#include <stdlib.h>
#include <string.h>

#include "client/cli/line/command_parts.h"
#include "client/cli/output/terminal_text.h"
#include "shop_reasons.h"

/* ---- fields ----------------------------------------------------------------------------------------------------- */

static const struct flag *flag_of_field(const struct flag *flags, const char *field, size_t size) {
  for (; flags && flags->name; flags++) {
    bool fits = flags->field && flags->kind != FLAG_METHOD;
    if (fits && strlen(flags->field) == size && memcmp(flags->field, field, size) == 0) return flags;
  }
  return NULL;
}

const char *advice_argument(struct arena *arena, const struct invocation *invocation, const char *path) {
  const char *dot = strrchr(path, '.');
  const char *field = dot ? dot + 1 : path;
  size_t size = strcspn(field, "[");
  const struct verb *verb = invocation->verb;
  const struct flag *flag = NULL;
  if (verb) flag = flag_of_field(verb->flags, field, size);
  if (verb && !flag) flag = flag_of_field(verb->shared, field, size);
  if (!flag) flag = flag_of_field(command_global_flags, field, size);
  if (flag && field[size] == '[')
    return arena_printf(arena, "--%s (number %ld)", flag->name, atol(field + size + 1) + 1);
  if (flag) return arena_printf(arena, "--%s", flag->name);
  bool is_operand =
      verb && verb->operand && strncmp(verb->operand_field, field, size) == 0 && !verb->operand_field[size];
  return is_operand ? verb->operand : terminal_line(arena, path);
}

/* ---- services --------------------------------------------------------------------------------------------------- */

static const char *metadata_value(struct status status, const char *key) {
  const struct error_metadata *at = status.details ? status.details->metadata : NULL;
  while (at && strcmp(at->key, key) != 0) at = at->next;
  return at ? at->value : NULL;
}

/* The service that could not be reached, the one that was called or one that this one called; NULL if none is named. */
static const char *unreached_service(struct status status) {
  const char *peer = status_is(status, reason_peer_unreachable) ? metadata_value(status, "peer") : NULL;
  for (const char *const *word = service_words; peer && *word; word++) {
    if (strcmp(*word, peer) == 0) return *word;
  }
  return NULL;
}

static const char *advice_to_start(struct arena *arena, const struct session *session, struct status status) {
  const struct noun *noun = session->invocation->noun;
  if (status_is(status, reason_redis_unreachable))
    return "the service runs, but its Redis does not answer: see the service's log";
  if (status_is(status, reason_consumer_halted)) return "the service waits for an operator: ordershop status says why";
  const char *away = unreached_service(status);
  if (!noun->verbs || !away) return "ordershop health says which services serve";
  const char *service = ordershop_service_name(noun->service);
  const char *start = arena_printf(arena, "deploy/local/up.sh %s or systemctl start ordershop@%s", away, away);
  if (strcmp(away, service) != 0) {
    return arena_printf(arena, "%s runs, but %s, which it needs, does not answer: start that with %s", service, away,
                        start);
  }
  return arena_printf(arena,
                      "is it running? Start it with %s; if it is elsewhere, say where with --host, --port-base or "
                      "--%s-address",
                      start, service);
}

/* ---- all -------------------------------------------------------------------------------------------------------- */

static const char *advice_of_missing(struct arena *arena, struct status status) {
  const char *type = status.details ? status.details->resource_type : NULL;
  const struct noun *noun = type ? command_noun(type) : NULL;
  if (!noun || !command_verb(noun, "list")) return NULL;
  return arena_printf(arena, "ordershop %s list --all shows which there are", noun->name);
}

static const char *advice_of_precondition(struct arena *arena, struct status status) {
  const char *product = metadata_value(status, "product_id");
  if (status_is(status, reason_out_of_stock)) {
    return arena_printf(arena,
                        "ordershop stock list --product %s shows what there is, ordershop stock adjust adds to it",
                        product ? terminal_line(arena, product) : "ID");
  }
  if (status_is(status, reason_order_billed))
    return "take its billing back first: ordershop billing list, ordershop billing delete";
  if (status_is(status, reason_stock_reserved)) return "orders hold units of it: bill or delete them first";
  return NULL;
}

static const char *advice_of_version(struct arena *arena, const struct session *session) {
  const struct invocation *invocation = session->invocation;
  if (!invocation->verb || invocation->operand_count == 0) return NULL;
  return arena_printf(arena, "it has changed since: see it with ordershop %s get %s, then decide anew",
                      invocation->noun->name, terminal_line(arena, invocation->operands[0]));
}

const char *advice_after(struct arena *arena, const struct session *session, struct status status) {
  switch (status.code) {
    case STATUS_UNAVAILABLE:
      return advice_to_start(arena, session, status);
    case STATUS_DEADLINE_EXCEEDED:
      return "the service did not answer in time; --timeout SECONDS gives it longer";
    case STATUS_NOT_FOUND:
      return advice_of_missing(arena, status);
    case STATUS_ALREADY_EXISTS:
      if (status_is(status, reason_already_exists("inventory"))) return "ordershop stock adjust adds to it";
      return NULL;
    case STATUS_FAILED_PRECONDITION:
      return advice_of_precondition(arena, status);
    case STATUS_ABORTED:
      return status_is(status, reason_version_mismatch) ? advice_of_version(arena, session) : "try it again";
    case STATUS_RESOURCE_EXHAUSTED:
      if (!status.details || status.details->retry_delay_ms <= 0) return NULL;
      return arena_printf(arena, "nothing was done; try again after %g s",
                          (double)status.details->retry_delay_ms / 1000);
    case STATUS_UNAUTHENTICATED:
    case STATUS_PERMISSION_DENIED:
      return "the service does not let this caller: see --tls-certificate-file and --tls-key-file";
    case STATUS_UNIMPLEMENTED:
      return "is that another service, or an older one? ordershop health says who is where";
    case STATUS_INVALID_ARGUMENT:
      if (status_is(status, reason_request_id_reused))
        return "a request id is for one command: leave --request-id out for a new one";
      if (status_is(status, reason_page_token_invalid)) return "begin without --page-token";
      return NULL;
    default:
      return NULL;
  }
}
