/* All nouns, verbs and flags of the command line. Requests are made from them by request_build.c. */
#include <stddef.h>

#include "client/cli/command.h"
#include "client/cli/commands.h"

const struct flag command_global_flags[] = {
    /* --help stays first: command_line.c takes -h for it */
    {"help", NULL, FLAG_HELP, NULL, "Say what there is", false},
    {"json", NULL, FLAG_JSON, NULL, "Answer as JSON (protobuf's mapping); errors too, on standard error", false},
    {"timeout", "SECONDS", FLAG_SECONDS, NULL, "End a call after this time (10); health, demo: wait this long", false},
    {"request-id", "UUID", FLAG_TEXT, "request_id", "Repeat a command safely: the same id changes nothing twice",
     false},
    {"host", "HOST", FLAG_SETTING, NULL, "Where the services are (ORDERSHOP_HOST; 127.0.0.1)", false},
    {"port-base", "PORT", FLAG_SETTING, NULL, "Services listen on PORT + 1 ... + 7 (ORDERSHOP_PORT_BASE; 50050)",
     false},
    {"customer-address", "ADDRESS", FLAG_SETTING, NULL, "A service elsewhere (ORDERSHOP_CUSTOMER_ADDRESS)", false},
    {"product-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_PRODUCT_ADDRESS)", false},
    {"inventory-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_INVENTORY_ADDRESS)", false},
    {"order-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_ORDER_ADDRESS)", false},
    {"billing-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_BILLING_ADDRESS)", false},
    {"crm-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_CRM_ADDRESS)", false},
    {"mail-address", "ADDRESS", FLAG_SETTING, NULL, "Likewise (ORDERSHOP_MAIL_ADDRESS)", false},
    {0},
};

static const struct flag paging[] = {
    {"page-size", "N", FLAG_INTEGER, "page_size", "At most so many (50)", false},
    {"page-token", "TOKEN", FLAG_TEXT, "page_token", "The page that the one before named", false},
    {"all", NULL, FLAG_ALL, NULL, "All pages", false},
    {0},
};

static const struct flag versioned[] = {
    {"version", "N", FLAG_INTEGER, "version", "Only if it has this version", false},
    {0},
};

/* ---- customer --------------------------------------------------------------------------------------------------- */

static const struct flag customer_create[] = {
    {"name", "NAME", FLAG_TEXT, "name", "Display name", true},
    {"email", "ADDRESS", FLAG_TEXT, "email", "Where mails go", true},
    {0},
};

static const struct flag customer_update[] = {
    {"name", "NAME", FLAG_TEXT, "name", "New display name", false},
    {"email", "ADDRESS", FLAG_TEXT, "email", "New address", false},
    {0},
};

static const struct verb customer_verbs[] = {
    {"create", "CreateCustomer", "Create a customer, who is welcomed by mail", NULL, NULL, customer_create, NULL},
    {"get", "GetCustomer", "Show a customer", "ID", "id", NULL, NULL},
    {"list", "ListCustomers", "List customers, oldest first", NULL, NULL, NULL, paging},
    {"update", "UpdateCustomer", "Change what is named", "ID", "id", customer_update, versioned},
    {"delete", "DeleteCustomer", "Delete a customer, whose orders stay", "ID", "id", NULL, versioned},
    {0},
};

static const char *const customer_columns[] = {"id", "name", "email", "version", "create_time", NULL};

/* ---- product ---------------------------------------------------------------------------------------------------- */

static const struct flag product_create[] = {
    {"name", "NAME", FLAG_TEXT, "name", "Display name", true},
    {"price", "EUROS", FLAG_MONEY, "price_cents", "Price of one: 12.34", false},
    {"price-cents", "CENTS", FLAG_INTEGER, "price_cents", "The same in cents: 1234", false},
    {0},
};

static const struct flag product_update[] = {
    {"name", "NAME", FLAG_TEXT, "name", "New display name", false},
    {"price", "EUROS", FLAG_MONEY, "price_cents", "New price of one: 12.34", false},
    {"price-cents", "CENTS", FLAG_INTEGER, "price_cents", "The same in cents: 1234", false},
    {0},
};

static const struct verb product_verbs[] = {
    {"create", "CreateProduct", "Create a product, without stock", NULL, NULL, product_create, NULL},
    {"get", "GetProduct", "Show a product", "ID", "id", NULL, NULL},
    {"list", "ListProducts", "List products, oldest first", NULL, NULL, NULL, paging},
    {"update", "UpdateProduct", "Change what is named; orders keep their prices", "ID", "id", product_update,
     versioned},
    {"delete", "DeleteProduct", "Delete a product; its orders and its stock stay", "ID", "id", NULL, versioned},
    {0},
};

static const char *const product_columns[] = {"id", "name", "price_cents", "version", "create_time", NULL};

/* ---- inventory -------------------------------------------------------------------------------------------------- */

static const struct flag inventory_create[] = {
    {"product", "ID", FLAG_TEXT, "product_id", "Of which product", true},
    {"amount", "N", FLAG_INTEGER, "amount", "Units that are there", true},
    {0},
};

static const struct flag inventory_list[] = {
    {"product", "ID", FLAG_TEXT, "product_id", "Only of this product", false},
    {0},
};

static const struct flag inventory_update[] = {
    {"amount", "N", FLAG_INTEGER, "amount", "Units that are available, as counted", true},
    {0},
};

static const struct flag inventory_adjust[] = {
    {"product", "ID", FLAG_TEXT, "product_id", "Of which product", true},
    {"delta", "N", FLAG_INTEGER, "delta", "Units to add, or to take out if negative", true},
    {0},
};

static const struct verb inventory_verbs[] = {
    {"create", "CreateInventory", "Give a product a stock", NULL, NULL, inventory_create, NULL},
    {"get", "GetInventory", "Show a stock", "ID", "id", NULL, NULL},
    {"list", "ListInventories", "List stocks, oldest first", NULL, NULL, inventory_list, paging},
    {"update", "UpdateInventory", "Set the available amount, as after a stocktake", "ID", "id", inventory_update,
     versioned},
    {"adjust", "AdjustStock", "Add units or take some out", NULL, NULL, inventory_adjust, NULL},
    {"delete", "DeleteInventory", "Delete a stock that no order holds units of", "ID", "id", NULL, versioned},
    {0},
};

static const char *const inventory_columns[] = {"id", "product_id", "amount", "reserved_amount", "version", NULL};

/* ---- order ------------------------------------------------------------------------------------------------------ */

static const struct flag order_create[] = {
    {"customer", "ID", FLAG_TEXT, "customer_id", "Who orders", true},
    {"product", "ID", FLAG_TEXT, "product_ids", "What: once for each unit", true},
    {0},
};

static const struct flag order_list[] = {
    {"customer", "ID", FLAG_TEXT, "customer_id", "Only of this customer", false},
    {"unbilled", NULL, FLAG_METHOD, "ListUnbilledOrders", "Only those without a billing", false},
    {0},
};

static const struct flag order_update[] = {
    {"product", "ID", FLAG_TEXT, "product_ids", "What instead: once for each unit", true},
    {0},
};

static const struct verb order_verbs[] = {
    {"create", "CreateOrder", "Order products for a customer", NULL, NULL, order_create, NULL},
    {"get", "GetOrder", "Show an order", "ID", "id", NULL, NULL},
    {"list", "ListOrders", "List orders, oldest first", NULL, NULL, order_list, paging},
    {"update", "UpdateOrder", "Replace the products of an order", "ID", "id", order_update, versioned},
    {"delete", "DeleteOrder", "Cancel an order; its stock is given back", "ID", "id", NULL, versioned},
    {0},
};

static const char *const order_columns[] = {"id",      "customer_id", "product_ids", "total_cents",
                                            "version", "create_time", NULL};
static const char *const order_record[] = {"id",          "customer_id", "total_cents", "version",
                                           "create_time", "update_time", "items",       NULL};

/* ---- billing ---------------------------------------------------------------------------------------------------- */

static const struct flag billing_create[] = {
    {"order", "ID", FLAG_TEXT, "order_id", "Which order was paid", true},
    {0},
};

static const struct verb billing_verbs[] = {
    {"create", "CreateBilling", "Record that an order was paid", NULL, NULL, billing_create, NULL},
    {"get", "GetBilling", "Show a billing", "ID", "id", NULL, NULL},
    {"list", "ListBillings", "List billings, oldest first", NULL, NULL, NULL, paging},
    {"delete", "DeleteBilling", "Take a billing back", "ID", "id", NULL, versioned},
    {0},
};

static const char *const billing_columns[] = {"id", "order_id", "amount_cents", "done_time", NULL};

/* ---- crm -------------------------------------------------------------------------------------------------------- */

static const struct flag crm_interactions[] = {
    {"customer", "ID", FLAG_TEXT, "customer_id", "Only with this customer", false},
    {0},
};

static const struct verb crm_verbs[] = {
    {"profile", "GetCustomerProfile", "Show a customer at a glance", "CUSTOMER_ID", "customer_id", NULL, NULL},
    {"interactions", "ListInteractions", "List what happened with customers, oldest first", NULL, NULL,
     crm_interactions, paging},
    {0},
};

static const char *const interaction_columns[] = {"create_time", "kind", "customer_id", "subject_id", "mail_id", NULL};

/* ---- mail ------------------------------------------------------------------------------------------------------- */

static const struct flag mail_send[] = {
    {"to", "ADDRESS", FLAG_TEXT, "to", "To whom", true},
    {"subject", "TEXT", FLAG_TEXT, "subject", "About what", true},
    {"body", "TEXT", FLAG_TEXT, "body", "The mail itself", false},
    {"cause", "EVENT_ID", FLAG_TEXT, "cause", "The event that led to it", false},
    {0},
};

static const struct flag mail_list[] = {
    {"to", "ADDRESS", FLAG_TEXT, "to", "Only to this address", false},
    {"cause", "EVENT_ID", FLAG_TEXT, "cause", "Only those that this event led to", false},
    {0},
};

static const struct verb mail_verbs[] = {
    {"send", "SendMail", "Send a mail", NULL, NULL, mail_send, NULL},
    {"get", "GetMail", "Show a mail", "ID", "id", NULL, NULL},
    {"list", "ListMails", "List mails, oldest first", NULL, NULL, mail_list, paging},
    {0},
};

static const char *const mail_columns[] = {"id", "to", "subject", "status", "create_time", NULL};
static const char *const mail_record[] = {"id",      "to",          "subject",     "status", "cause", "sent_time",
                                          "version", "create_time", "update_time", "body",   NULL};

/* ---- all -------------------------------------------------------------------------------------------------------- */

const struct noun command_nouns[] = {
    {"customer", NULL, "customers", "The customers of the shop", ORDERSHOP_CUSTOMER, customer_verbs, customer_columns,
     NULL, NULL, NULL},
    {"product", NULL, "products", "What the shop sells", ORDERSHOP_PRODUCT, product_verbs, product_columns, NULL, NULL,
     NULL},
    {"inventory", "stock", "stocks", "How much of it there is", ORDERSHOP_INVENTORY, inventory_verbs, inventory_columns,
     NULL, NULL, NULL},
    {"order", NULL, "orders", "What customers ordered", ORDERSHOP_ORDER, order_verbs, order_columns, order_record, NULL,
     NULL},
    {"billing", NULL, "billings", "Which orders were paid", ORDERSHOP_BILLING, billing_verbs, billing_columns, NULL,
     NULL, NULL},
    {"crm", NULL, "interactions", "What the shop has to do with its customers", ORDERSHOP_CRM, crm_verbs,
     interaction_columns, NULL, NULL, NULL},
    {"mail", NULL, "mails", "What the shop wrote to them", ORDERSHOP_MAIL, mail_verbs, mail_columns, mail_record, NULL,
     NULL},
    {"health", NULL, NULL, "Say which services serve; with --timeout, wait until they do", 0, NULL, NULL, NULL,
     "[SERVICE ...]", command_health},
    {"demo", NULL, NULL, "Play the nine cases of the reference architecture and tell what happens", 0, NULL, NULL, NULL,
     NULL, command_demo},
    {0},
};
