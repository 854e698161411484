/* SPDX-License-Identifier: Apache-2.0 */
#include "consumer/consumer_metrics.h"

#include <string.h>

#include "consumer/reason_fingerprint.h"

enum { REASONS_MAX = 30 };

static const struct metric leases = {
    .name = "consumer_leases_total",
    .help = "How often this replica has become the one that handles the service's events.",
    .kind = METRIC_COUNTER};
static const struct metric terms = {
    .name = "consumer_terms_total",
    .help =
        "How often this replica has begun to handle events from the stored positions: with a lease, and after a "
        "failure.",
    .kind = METRIC_COUNTER};
static const struct metric commit_events = {.name = "consumer_commit_events",
                                            .help = "Events whose effects were committed together.",
                                            .kind = METRIC_HISTOGRAM,
                                            .bounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512}};
static const struct metric outbox_delivered = {.name = "outbox_delivered_total",
                                               .help = "Messages of the outbox that the peer has taken.",
                                               .kind = METRIC_COUNTER};
static const struct metric dead_letters = {
    .name = "dead_letters_total",
    .help = "Events and messages that were dead-lettered, by the fingerprint of the reason.",
    .kind = METRIC_COUNTER,
    .labels = {"reason"}};

const struct consumer_metrics *consumer_metrics(void) {
  static struct consumer_metrics metrics;
  if (metrics.leases) return &metrics;
  metrics = (struct consumer_metrics){.leases = metric_counter(&leases, NULL),
                                      .terms = metric_counter(&terms, NULL),
                                      .commit_events = metric_histogram(&commit_events, NULL),
                                      .outbox_delivered = metric_counter(&outbox_delivered, NULL)};
  metric_counter(&dead_letters, (const char *const[]){"other"});
  return &metrics;
}

/* Returns the label's value for a fingerprint. */
static const char *label_of(const char *fingerprint) {
  static char known[REASONS_MAX][FINGERPRINT_SIZE];
  for (size_t i = 0; i < REASONS_MAX; i++) {
    if (!*known[i]) memcpy(known[i], fingerprint, FINGERPRINT_SIZE);
    if (strcmp(known[i], fingerprint) == 0) return known[i];
  }
  return "other";
}

void consumer_metrics_dead_letter(const char *reason) {
  char fingerprint[FINGERPRINT_SIZE];
  reason_fingerprint(reason, fingerprint);
  (*metric_counter(&dead_letters, (const char *const[]){label_of(fingerprint)}))++;
}
