// SPDX-License-Identifier: Apache-2.0
// The feed: what happens in the shop, read from the log as one stream for all views, which get it in turns. When more
// comes in a turn than somebody can look at, it is a sample, and `leftOut` counts the others.
import {get} from './api.js';
import {readStream} from './event_stream.js';

const KEPT = 5000;
const BEGIN_WITH = 200;
const TURN_MS = 250;
const OF_A_TURN = 100; // events; of more, the latest and those that a view wants
const WANTED_OF_A_TURN = 400;
const PARSED_OF_A_TURN = 2000; // of more, not even those that a view wants
const COUNT_MS = 1000;
const RETRY_MS = 1000;
const RETRY_MAX_MS = 10000;
const RESUMED_MS = 60000; // after a longer break the feed begins anew with the latest events

export const feed = {
  recent: [], // oldest first; the latest KEPT
  streams: [],
  readers: [],
  total: 0, // events of the log
  leftOut: 0, // events that were not shown, since the page was opened
  sampling: false, // has the latest turn left some out?
  failure: null, // why the log can't be read, or null
};

const listeners = new Map(); // function -> what it wants
const failures = {stream: null, figures: null};
let last = null; // the place up to which the log has been read; null: begin with the latest events
let arrived = []; // this turn's events, as they came

// `listener(events)` is called with new events, oldest first, and with [] when only figures have changed. Events for
// which `wants` is true are in a sample, too. Returns a function that ends it.
export function subscribe(listener, wants = () => false) {
  listeners.set(listener, wants);
  return () => listeners.delete(listener);
}

function publish(events) {
  for (const listener of listeners.keys()) listener(events);
}

// `why` the stream or the figures can't be read; null once they can.
function tellFailure(of, why) {
  failures[of] = why;
  const failure = failures.stream ?? failures.figures;
  if (feed.failure === failure) return;
  feed.failure = failure;
  publish([]);
}

/* ---- turns ---- */

function sample(events) {
  const wanted = [...listeners.values()];
  const earlier = events.slice(0, -OF_A_TURN).filter((event) => wanted.some((wants) => wants(event)));
  return [...earlier.slice(-WANTED_OF_A_TURN), ...events.slice(-OF_A_TURN)];
}

// However fast events come, few are kept, and these are parsed only when their turn comes.
function keep(data) {
  arrived.push(data);
  if (arrived.length >= 2 * PARSED_OF_A_TURN) feed.leftOut += arrived.splice(0, PARSED_OF_A_TURN).length;
}

function endTurn() {
  const leftOut = feed.leftOut;
  const events = sample(arrived.slice(-PARSED_OF_A_TURN).map((data) => JSON.parse(data)));
  feed.leftOut += arrived.length - events.length;
  feed.sampling = feed.leftOut > leftOut;
  arrived = [];
  feed.recent.push(...events);
  if (feed.recent.length > KEPT) feed.recent.splice(0, feed.recent.length - KEPT);
  if (events.length > 0) publish(events);
}

/* ---- the stream ---- */

async function begin() {
  const page = await get('/v1/events', {order: 'EVENT_ORDER_NEWEST_FIRST', view: 'EVENT_VIEW_JSON', page_size: BEGIN_WITH});
  arrived = [];
  last = page.readTo;
  feed.recent = (page.events ?? []).reverse();
  publish(feed.recent);
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
        if (frame.name === 'message') keep(frame.data);
        last = frame.id ?? last;
        tellFailure('stream', null);
        wait = RETRY_MS / 2;
        heard = Date.now();
      });
    } catch (error) {
      if (error.httpCode === 400) last = null; // no place of this log
      tellFailure('stream', error.message);
    }
    if (!seen.aborted) await pause(wait * (0.5 + Math.random() / 2));
  }
}

/* ---- figures ---- */

async function count() {
  const list = await get('/v1/streams');
  feed.streams = list.streams ?? [];
  feed.readers = list.readers ?? [];
  feed.total = feed.streams.reduce((sum, stream) => sum + Number(stream.length), 0);
  publish([]);
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
  repeat(COUNT_MS, () => count().then(() => tellFailure('figures', null), (error) => tellFailure('figures', error.message)));
}
