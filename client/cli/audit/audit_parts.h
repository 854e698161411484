/* SPDX-License-Identifier: Apache-2.0 */
/* What an audit is made of; it is for the files of this folder only. */
#pragma once

#include <ordershop/v1/event.pb-c.h>
#include <protobuf-c/protobuf-c.h>

#include "base/key_table.h"
#include "client/cli/audit/audit.h"
#include "store/log_time.h"

/* A kind of entities that has a service which tells their state. */
struct audit_kind {
  const char *name; /* "order" */
  const ProtobufCMessageDescriptor *type;
  enum ordershop_service owner;
  const char *list, *get; /* methods; the requests' types follow */
  const ProtobufCMessageDescriptor *list_request, *get_request;
};

extern const struct audit_kind audit_kinds[];
extern const size_t audit_kind_count;

/* What the events have said of an entity. */
struct audit_row {
  const struct audit_kind *kind;
  const char *id;
  int64_t version, entry;          /* of its last event; entry is a log time */
  uint64_t hash;                   /* of the entity, as audit_hash makes it */
  uint32_t changes;                /* events */
  bool deleted, partial;           /* partial: its first event lies before the audit's range */
  bool listed;                     /* its service has told its state */
  int64_t amount;                  /* of stock; an order's total; a billing's amount */
  int64_t reserved;                /* of stock */
  struct audit_row *order;         /* of a billing; NULL if it is not known */
  struct audit_row *customer;      /* of an order; likewise */
  const struct audit_row *billing; /* of an order that is billed; likewise */
  int64_t orders, ordered, billed; /* of a customer, as its profile has them */
  uint32_t figure_changes;         /* events that have changed these */
  struct audit_row *next;          /* of all */
};

/* A mail that an event must have led to. */
struct audit_mail {
  const char *id, *cause, *customer_id;
  int64_t entry;
  const struct audit_row *customer; /* NULL if no event of his was read */
  struct audit_mail *next;
};

struct audit {
  struct arena *arena; /* of what is remembered */
  const struct audit_options *options;
  struct audit_outcome *outcome;
  struct key_table *rows;  /* by "order 28d2f6b0-..." */
  struct key_table *mails; /* by "<cause> <subject>" */
  struct audit_row *first, *last;
  struct audit_mail *first_mail, *last_mail;
  size_t count;       /* of what is remembered */
  int64_t at;         /* log time of the last event that was read */
  char position[256]; /* up to which the log was read; "" means not at all */
};

const struct audit_kind *audit_kind_of(const char *entity_type);
struct audit_row *audit_find(const struct audit *audit, const char *entity_type, const char *id);

/* The same for an entity of the events and for one that its service tells. It may change what the two tell differently.
 */
uint64_t audit_hash(struct arena *arena, void *entity);

/* Tells a violation. `entry` 0 means that it is the state. */
void audit_tell(struct audit *audit, struct arena *arena, const char *rule, const char *entity_type, const char *id,
                int64_t entry, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* Applies the rules to an event and remembers what it says. */
void audit_event(struct audit *audit, struct arena *arena, const Ordershop__V1__Event *event);

/* Reads the log from where the audit is to its end. */
struct status audit_advance(struct audit *audit);

/* Compare what is remembered with what the services tell. */
struct status audit_states(struct audit *audit);
struct status audit_profiles(struct audit *audit);
struct status audit_mails(struct audit *audit);
