// SPDX-License-Identifier: Apache-2.0
// The feed: what happens in the shop, read from the log by one reader for all views. It shows all events as long as the
// browser can follow; when more come than one page a turn, it goes on with the latest ones, and says how many it left
// out (`seen` of `total`).
import {get} from './api.js';

const KEPT = 5000;
const PAGE = 1000;
const TURN_MS = 300;
const HIDDEN_TURN_MS = 5000;
const SAMPLE = 200; // of a turn's events that are too many

export const feed = {
  recent: [], // oldest first; the latest KEPT
  streams: [],
  readers: [],
  total: 0, // events of the log
  seen: 0, // events that arrived here since `startTotal`
  startTotal: null,
  sampling: false,
  failure: null, // why the log can't be read, or null
};

const listeners = new Set();
let last = null; // entry id up to which the log has been read

// `listener(events)` is called with new events, oldest first, and with [] when only figures have changed. Returns a
// function that ends it.
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function publish(events) {
  for (const listener of listeners) listener(events);
}

// The order of entry ids, "milliseconds-count".
function isBehind(entry, other) {
  const [ms, count] = entry.split('-').map(Number);
  const [otherMs, otherCount] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && count > otherCount);
}

// Takes in events that are new, oldest first. Tests call it, too, to push many.
export function take(events) {
  feed.seen += events.length;
  feed.recent.push(...events);
  if (feed.recent.length > KEPT) feed.recent.splice(0, feed.recent.length - KEPT);
  publish(events);
}

const readNewest = (size) =>
  get('/v1/events', {order: 'EVENT_ORDER_NEWEST_FIRST', view: 'EVENT_VIEW_JSON', page_size: size});

async function begin() {
  const page = await readNewest(SAMPLE);
  feed.recent = [];
  last = page.readTo;
  take((page.events ?? []).reverse());
  feed.seen = 0;
  feed.startTotal = null;
}

async function follow() {
  const page = await get('/v1/events', {after_entry: last, view: 'EVENT_VIEW_JSON', page_size: PAGE});
  let events = page.events ?? [];
  let readTo = page.readTo;
  feed.sampling = Boolean(page.nextPageToken);
  if (feed.sampling) {
    const newest = await readNewest(SAMPLE);
    readTo = newest.readTo;
    events = newest.events.filter((event) => isBehind(event.entry, last)).reverse();
  }
  last = readTo;
  if (events.length > 0) take(events);
}

async function count() {
  const list = await get('/v1/streams');
  feed.streams = list.streams ?? [];
  feed.readers = list.readers ?? [];
  feed.total = feed.streams.reduce((sum, stream) => sum + Number(stream.length), 0);
  feed.startTotal ??= feed.total - feed.seen;
  publish([]);
}

async function attempt(step) {
  try {
    await step();
    feed.failure = null;
  } catch (error) {
    feed.failure = error.message;
    if (error.reason === 'LOG_RESET') last = null;
    publish([]);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Goes on for as long as the page is there.
export async function startFeed() {
  for (let turn = 0; ; turn++) {
    await attempt(async () => {
      await (last === null ? begin() : follow());
      if (turn % 3 === 0) await count();
    });
    await pause(document.hidden ? HIDDEN_TURN_MS : TURN_MS);
  }
}
