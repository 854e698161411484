/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the shop makes typed, synchronous calls to its services.
 *
 *   struct ordershop_client *client;
 *   struct status status = ordershop_client_open(&(struct ordershop_client_options){.host = "shop.example"}, &client);
 *   struct context context = {.arena = arena};
 *   Ordershop__V1__GetCustomerRequest request = ORDERSHOP__V1__GET_CUSTOMER_REQUEST__INIT;
 *   request.id = id;
 *   const Ordershop__V1__Customer *customer;
 *   status = ordershop_get_customer(client, &context, &request, &customer);
 *   ...
 *   ordershop_client_close(client);
 *
 * The typed functions are in customer_client.h ... mail_client.h; ordershop_call below is what they all go through.
 *
 * Retries. A command without a request_id gets a random one, so that it is carried out once however often it is sent. A
 * call is tried again, with jittered exponential backoff, when it was UNAVAILABLE; when it was RESOURCE_EXHAUSTED with
 * a RetryInfo, not before the time that it names; and when it was ABORTED, unless the caller gave a version: then the
 * caller decides. When the tries or the deadline don't suffice, the last error is returned.
 *
 * Read your writes. The client remembers the latest `ordershop-position` that a command of its own was answered with
 * and sends it along with every later call, to whichever service, so that the answer has seen it. If the shop's log was
 * reset meanwhile (FAILED_PRECONDITION LOG_RESET) it forgets the position and asks without one. A caller that sets
 * `context.after` gets what it asked for, this error included.
 *
 * Any number of threads may share a client, each with arenas of its own; a call blocks its thread. Answers and errors
 * live in the context's arena; requests are only read, during the call. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/context.h"
#include "base/status.h"
#include "client/ordershop_services.h"

struct ordershop_client;

/* Returns "customer" ... "mail"; `service` must be one of the enum. */
const char *ordershop_service_name(enum ordershop_service service);

/* Finds the service of that name. Returns false if the shop has none. */
bool ordershop_service_find(const char *name, enum ordershop_service *ret_service);

/* Returns the descriptor of CustomerService ... MailService; `service` must be one of the enum. */
const ProtobufCServiceDescriptor *ordershop_service_descriptor(enum ordershop_service service);

/* This is a service beside those of the shop, which can be asked for its health and status. The enum's values from
 * ORDERSHOP_SERVICE_COUNT on stand for a client's own services, in their order. */
struct ordershop_own_service {
  const char *name;    /* "note" */
  const char *address; /* as below */
};

struct ordershop_client_options {
  const char *host;         /* of all services: name, IPv4 or IPv6 address. NULL means "127.0.0.1" */
  int port_base;            /* services listen on port_base + 1 (customer) and so on. 0 means 50050 */
  int64_t deadline_ms;      /* of a call whose context has none, with all its tries. 0 means 10,000 */
  int attempts;             /* tries of a call at most. 0 means 5, 1 means no retries */
  int64_t first_backoff_ms; /* before the second try, doubled for each further one up to 5 s, jittered. 0 means 100 */
  /* gRPC names of single services that are elsewhere, e.g. "dns:///orders.example:443" or "10.0.0.7:50054". NULL means
   * host and port_base. */
  const char *addresses[ORDERSHOP_SERVICE_COUNT];
  const struct ordershop_own_service *own_services;
  size_t own_service_count;
  /* The files for TLS are in PEM, and are read again when they change. With a CA, the services must show a certificate
   * of it that is for the name they are called by; certificate and key are the client's own, for services that ask for
   * one. With certificate and key alone, the system's CAs are trusted. If all are NULL or empty, the client talks plain
   * text. */
  const char *tls_ca_file, *tls_certificate_file, *tls_key_file;
  /* Whether to call through the HTTP proxy that the environment names (grpc_proxy, https_proxy, http_proxy; not for
   * no_proxy). */
  bool use_proxy;
};

/* Opens a client, which connects on first use and again by itself. `options` may be NULL and is copied. The caller owns
 * the result; close it with ordershop_client_close. Errors: INVALID_ARGUMENT (an invalid address; CERTIFICATE_UNFIT,
 * with one sentence that names the TLS file). */
struct status ordershop_client_open(struct arena *arena, const struct ordershop_client_options *options,
                                    struct ordershop_client **ret_client);

/* Closes the client. No call may be under way. `client` may be NULL. */
void ordershop_client_close(struct ordershop_client *client);

/* Returns where a service is called, as it was given: "127.0.0.1:50051", "dns:///orders.example:443". The text lives as
 * long as the client. */
const char *ordershop_client_address(const struct ordershop_client *client, enum ordershop_service service);

/* These functions return how many services the client knows, own ones included, return the name of one of them, and
 * find the one of that name (false if the client knows none). */
size_t ordershop_client_service_count(const struct ordershop_client *client);
const char *ordershop_client_service_name(const struct ordershop_client *client, enum ordershop_service service);
bool ordershop_client_service_find(const struct ordershop_client *client, const char *name,
                                   enum ordershop_service *ret_service);

struct ordershop_answer {
  struct status status;
  const void *message; /* the method's output; NULL unless the status is OK */
};

/* Calls a method by name, for code that does not know the types: `method` is as in the proto ("CreateCustomer"),
 * `request` is its input message. Of the context, `arena` is required; a `deadline_us` of 0 stands for the client's
 * default, an `after` of NULL for the remembered position. Errors: those of the method; INVALID_ARGUMENT CALL_INVALID
 * (no such method, a request of another type, or one of the own services, whose methods the client does not know: an
 * error of the program). */
struct ordershop_answer ordershop_call(struct ordershop_client *client, const struct context *context,
                                       enum ordershop_service service, const char *method, const void *request);

/* Asks whether a service says that it is ready (grpc.health.v1). There is one try. Errors: UNAVAILABLE,
 * DEADLINE_EXCEEDED. */
struct status ordershop_check_health(struct ordershop_client *client, const struct context *context,
                                     enum ordershop_service service, bool *ret_serving);
