/* SPDX-License-Identifier: Apache-2.0 */
#include "client/retry.h"

static int64_t asked_delay_ms(struct status status) {
  return status.details ? status.details->retry_delay_ms : 0;
}

static bool may_be_cured(struct status status, bool conditional) {
  switch (status.code) {
    case STATUS_UNAVAILABLE:
      return true;
    case STATUS_RESOURCE_EXHAUSTED: /* without a RetryInfo it is the request that is too big */
      return asked_delay_ms(status) > 0;
    case STATUS_ABORTED:
      return !conditional;
    default:
      return false;
  }
}

static int64_t backoff_ms(const struct retry_policy *policy, int tries) {
  int64_t backoff = policy->first_backoff_ms;
  for (int i = 1; i < tries && backoff < RETRY_BACKOFF_MAX_MS; i++) backoff *= 2;
  return backoff < RETRY_BACKOFF_MAX_MS ? backoff : RETRY_BACKOFF_MAX_MS;
}

int64_t retry_delay_ms(const struct retry_policy *policy, struct status status, bool conditional, int tries,
                       uint32_t jitter) {
  if (tries >= policy->attempts || !may_be_cured(status, conditional)) return -1;
  int64_t backoff = backoff_ms(policy, tries);
  int64_t jittered = backoff - (int64_t)(jitter % (uint32_t)(backoff / 2 + 1));
  int64_t asked = asked_delay_ms(status);
  return asked > 0 ? asked + backoff - jittered : jittered;
}
