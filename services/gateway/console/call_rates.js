// SPDX-License-Identifier: Apache-2.0
// What happened to a service between two readings of its status, as `ordershop status --watch` tells it
// (client/cli/output/status_rates.c).
import {secondsOf} from './format.js';

const isSameProcess = (one, other) => one.instance === other.instance && one.startTime === other.startTime;

// How long 99 of 100 calls took at most, in seconds, interpolated within a bucket; null if there were none.
function p99(before, now) {
  const grown = now.map((bucket, i) => Number(bucket.calls) - Number(before[i].calls));
  const all = grown.reduce((sum, calls) => sum + calls, 0);
  if (all <= 0) return null;
  const rank = 0.99 * all;
  let below = 0;
  let lower = 0;
  for (const [i, {upTo}] of now.entries()) {
    if (!upTo) break;
    if (below + grown[i] >= rank) return lower + ((secondsOf(upTo) - lower) * (rank - below)) / grown[i];
    below += grown[i];
    lower = secondsOf(upTo);
  }
  return lower;
}

// `before` and `now`: {status, ms}. Returns {calls, failed}, a second, and p99 in seconds or null; returns null if
// another process answered, or an older version that tells no calls.
export function callRates(before, now) {
  const [earlier, latest] = [before?.status?.calls, now.status?.calls];
  if (!earlier || !latest || !isSameProcess(before.status, now.status) || now.ms <= before.ms) return null;
  const [one, other] = [earlier.durations ?? [], latest.durations ?? []];
  const seconds = (now.ms - before.ms) / 1000;
  const rate = (name) => (Number(latest[name] ?? 0) - Number(earlier[name] ?? 0)) / seconds;
  return {calls: rate('answered'), failed: rate('failed'), p99: one.length === other.length ? p99(one, other) : null};
}
