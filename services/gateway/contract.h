/* SPDX-License-Identifier: Apache-2.0 */
/* Contract: every method that the gateway offers, from descriptors: how to call it, and the resources that its
 * google.api.http option gives it. Once it is made (offer.h), any number of requests read it. */
#pragma once

#include <google/api/http.pb-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "message/message_types.h"
#include "message/service_types.h"
#include "path_template.h"
#include "rpc/rpc_client.h"

struct api_method {
  const char *path; /* "/ordershop.v1.OrderService/CreateOrder" */
  struct service_type service;
  const ProtobufCMethodDescriptor *method;
  const Google__Protobuf__MethodDescriptorProto *proto;
  struct rpc_channel *channel;
  bool streams; /* in one direction or both: not to be called by unary requests */
  bool reads;   /* changes nothing: it can be had by GET, or its idempotency_level is NO_SIDE_EFFECTS */
  bool is_own;  /* of a service outside the tree, whose log may be another one */
};

/* A resource and what is done with it: one HTTP method and path. */
struct route {
  const char *http_method; /* "GET" */
  struct path_template template;
  const struct api_method *method;
  const char *body;                               /* "*", or NULL if there is none, or what follows is not */
  const ProtobufCFieldDescriptor *body_field;     /* the field of the request that is the body */
  const ProtobufCFieldDescriptor *response_field; /* the field of the reply that is the answer; NULL means all of it */
};

struct contract;

struct contract *contract_new(struct arena *arena);

/* What a server adds to a contract. */
struct contract_part {
  struct message_types *types;
  const char *file;            /* of the types: all of its services are added; NULL: */
  const char *const *services; /* those of these names are, up to NULL, but for those that any server has (grpc.*, the
                                  StatusService) and internal ones */
  struct rpc_channel *channel; /* to the server; NULL means that every server has these methods */
};

/* Adds a part. Types and channel must live as long as the contract. Errors: INVALID_ARGUMENT (DEFINITION_INVALID,
 * DESCRIPTOR_SET_INVALID): an option that doesn't fit its method, a method or a resource that there is already; the
 * message names them, and the contract is of no use any more. */
struct status contract_add(struct contract *contract, const struct contract_part *part);

/* Returns the method of a path as gRPC has it, or NULL. */
const struct api_method *contract_method(const struct contract *contract, const char *path);

/* Returns the method of such a path that every server has, or NULL. Its channel is NULL. */
const struct api_method *contract_every_servers_method(const struct contract *contract, const char *path);

/* Return method or route `index`, or NULL behind the last; not the methods that every server has. */
const struct api_method *contract_method_at(const struct contract *contract, size_t index);
const struct route *contract_route_at(const struct contract *contract, size_t index);

/* What a path leads to. */
struct found_route {
  const struct route *route; /* NULL if there is none for that HTTP method */
  const char **values;       /* of the template's variables */
  const char *allowed;       /* the HTTP methods that there are: "GET, HEAD, DELETE"; "" if there is no such resource */
};

/* HEAD is looked for as GET. */
struct found_route contract_find(const struct contract *contract, struct arena *arena, const char *http_method,
                                 const struct request_path *path);
