/* SPDX-License-Identifier: Apache-2.0 */
#include "v1_kind.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "v1_price.h"

const struct v1_kind v1_kinds[V1_KINDS] = {
    {.plural = "products",
     .singular = "product",
     .service = "ProductService",
     .type = "Product",
     .types = "Products",
     .resource = "product",
     .resources = "products",
     .in_batch = true,
     .fields = {{"id", "id", V1_AS_IT_IS, false, false},
                {"name", "name", V1_AS_IT_IS, true, true},
                {"price", "priceCents", V1_PRICE, true, true}}},
    {.plural = "inventory",
     .singular = "inventory",
     .service = "InventoryService",
     .type = "Inventory",
     .types = "Inventories",
     .resource = "inventory",
     .resources = "inventories",
     .in_batch = true,
     .fields = {{"id", "id", V1_AS_IT_IS, false, false},
                {"product_id", "productId", V1_AS_IT_IS, true, true},
                {"amount", "amount", V1_NUMBER, true, true}}},
    {.plural = "customers",
     .singular = "customer",
     .service = "CustomerService",
     .type = "Customer",
     .types = "Customers",
     .resource = "customer",
     .resources = "customers",
     .in_batch = true,
     .fields = {{"id", "id", V1_AS_IT_IS, false, false},
                {"name", "name", V1_AS_IT_IS, true, true},
                {"email", "email", V1_AS_IT_IS, true, true}}},
    {.plural = "orders",
     .singular = "order",
     .service = "OrderService",
     .type = "Order",
     .types = "Orders",
     .resource = "order",
     .resources = "orders",
     .fields = {{"id", "id", V1_AS_IT_IS, false, false},
                {"product_ids", "productIds", V1_AS_IT_IS, true, true},
                {"customer_id", "customerId", V1_AS_IT_IS, true, true}}},
    {.plural = "billings",
     .singular = "billing",
     .service = "BillingService",
     .type = "Billing",
     .types = "Billings",
     .resource = "billing",
     .resources = "billings",
     .fixed = true,
     .fields = {{"id", "id", V1_AS_IT_IS, false, false},
                {"order_id", "orderId", V1_AS_IT_IS, true, false},
                {"done", "doneTime", V1_TIME, false, false}}},
};

/* ---- into the shop ---------------------------------------------------------------------------------------------- */

static struct status refuse(struct arena *arena, const char *name, const char *what) {
  return status_error(arena, STATUS_INVALID_ARGUMENT, reason_json_invalid, "%s %s", name, what);
}

static struct status read_field(struct arena *arena, const struct v1_field *field, json_t *value, json_t *resource) {
  if (!value || json_is_null(value)) return refuse(arena, field->name, "is missing");
  if (field->form != V1_PRICE) {
    json_object_set(resource, field->resource, value);
    return status_ok();
  }
  int64_t cents;
  const char *text = json_string_value(value);
  if (!text || !v1_price_read(text, &cents))
    return refuse(arena, field->name, "is no number of euros with whole cents");
  json_object_set_new(resource, field->resource, json_integer(cents));
  return status_ok();
}

struct status v1_resource(struct arena *arena, const struct v1_kind *kind, const json_t *object,
                          json_t **ret_resource) {
  if (!json_is_object(object)) return refuse(arena, kind->singular, "is not an object");
  json_t *resource = json_object();
  for (const struct v1_field *field = kind->fields; field->name; field++) {
    if (!field->given) continue;
    struct status status = read_field(arena, field, json_object_get(object, field->name), resource);
    if (status_is_ok(status)) continue;
    json_decref(resource);
    return status;
  }
  *ret_resource = resource;
  return status_ok();
}

/* ---- out of it -------------------------------------------------------------------------------------------------- */

static const char *dump(struct arena *arena, const json_t *json) {
  char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  const char *copy = arena_strdup(arena, text ? text : "null");
  free(text);
  return copy;
}

/* "2019-01-28T18:21:18.802091Z" -> 1548699678.802091 */
static const char *seconds(struct arena *arena, const char *time) {
  struct tm utc = {0};
  const char *rest = time ? strptime(time, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
  if (!rest) return "null";
  const char *fraction = *rest == '.' ? arena_memdup(arena, rest, strcspn(rest, "Z")) : ".0";
  return arena_printf(arena, "%lld%s", (long long)timegm(&utc), fraction);
}

static const char *field_text(struct arena *arena, const struct v1_field *field, const json_t *resource) {
  const json_t *value = json_object_get(resource, field->resource);
  const char *text = json_string_value(value);
  switch (field->form) {
    case V1_NUMBER:
      return text ? text : dump(arena, value);
    case V1_PRICE:
      return v1_price_text(arena, text ? atoll(text) : 0);
    case V1_TIME:
      return seconds(arena, text);
    case V1_AS_IT_IS:
      break;
  }
  return dump(arena, value);
}

const char *v1_object(struct arena *arena, const struct v1_kind *kind, const json_t *resource) {
  const char *text = "{";
  for (const struct v1_field *field = kind->fields; field->name; field++) {
    text = arena_printf(arena, "%s%s\"%s\":%s", text, field == kind->fields ? "" : ",", field->name,
                        field_text(arena, field, resource));
  }
  return arena_printf(arena, "%s}", text);
}
