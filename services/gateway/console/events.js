// SPDX-License-Identifier: Apache-2.0
// The feed: what happens in the shop, read from the log as one stream for all views. It shows all events as long as the
// browser can follow; when more come than one page a turn, it goes on with the latest ones, and says how many it left
// out (`seen` of `total`).
import {get} from './api.js';
import {readStream} from './event_stream.js';

const KEPT = 5000;
const PAGE = 1000; // of a turn's events, the most that are shown
const TURN_MS = 300;
const SAMPLE = 200; // of a turn's events that are too many
const COUNT_MS = 1000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 10000;
const RESUMED_MS = 60000; // after a longer break the feed begins anew with the latest events

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
let last = null; // the place up to which the log has been read; null: begin with the latest events
let arrived = []; // this turn's events, as they came
let left = 0; // of them, those that were too many

// `listener(events)` is called with new events, oldest first, and with [] when only figures have changed. Returns a
// function that ends it.
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function publish(events) {
  for (const listener of listeners) listener(events);
}

// Takes in events that are new, oldest first. Tests call it, too, to push many.
export function take(events) {
  feed.seen += events.length;
  feed.recent.push(...events);
  if (feed.recent.length > KEPT) feed.recent.splice(0, feed.recent.length - KEPT);
  publish(events);
}

async function begin() {
  const page = await get('/v1/events', {order: 'EVENT_ORDER_NEWEST_FIRST', view: 'EVENT_VIEW_JSON', page_size: SAMPLE});
  feed.recent = [];
  arrived = [];
  last = page.readTo;
  take((page.events ?? []).reverse());
  feed.seen = 0;
  feed.startTotal = null;
}

// A turn keeps no more than it may show, however fast events come; they are parsed only when they are shown.
function keep(frame) {
  feed.failure = null;
  last = frame.name === 'end' ? null : frame.id; // the end: too slow, or another log
  if (frame.name !== 'message') return;
  arrived.push(frame.data);
  if (arrived.length > PAGE) left += arrived.splice(0, PAGE - SAMPLE).length;
}

function endTurn() {
  const events = left > 0 ? arrived.slice(-SAMPLE) : arrived;
  feed.sampling = left > 0;
  arrived = [];
  left = 0;
  if (events.length > 0) take(events.map((data) => JSON.parse(data)));
}

async function count() {
  const list = await get('/v1/streams');
  feed.streams = list.streams ?? [];
  feed.readers = list.readers ?? [];
  feed.total = feed.streams.reduce((sum, stream) => sum + Number(stream.length), 0);
  feed.startTotal ??= feed.total - feed.seen;
  publish([]);
}

function fail(error) {
  feed.failure = error.message;
  if (error.reason === 'LOG_RESET') last = null;
  publish([]);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A page that nobody sees has no stream: browsers open six connections to one host, for all its pages together.
async function untilSeen() {
  while (document.hidden) await new Promise((resolve) => addEventListener('visibilitychange', resolve, {once: true}));
}

function whileSeen() {
  const ending = new AbortController();
  for (const name of ['visibilitychange', 'pagehide']) addEventListener(name, () => ending.abort(), {once: true});
  return ending.signal;
}

async function follow() {
  let heard = Date.now();
  for (let wait = RETRY_MS; ; wait = Math.min(2 * wait, RETRY_MAX_MS)) {
    await untilSeen();
    const seen = whileSeen();
    try {
      if (last === null || Date.now() - heard > RESUMED_MS) await begin();
      await readStream(last, seen, (frame) => {
        keep(frame);
        wait = RETRY_MS / 2;
        heard = Date.now();
      });
    } catch (error) {
      fail(error);
    }
    if (!seen.aborted) await pause(wait);
  }
}

async function repeat(milliseconds, step) {
  for (;;) {
    await untilSeen();
    await step();
    await pause(milliseconds);
  }
}

// Goes on for as long as the page is there.
export function startFeed() {
  follow();
  repeat(TURN_MS, endTurn);
  repeat(COUNT_MS, () => count().catch(fail));
}
