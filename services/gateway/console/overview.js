// SPDX-License-Identifier: Apache-2.0
// Overview: the services around the log, as the reference's figure has them, alive. Each service is a card; an event
// travels from the service that wrote it into the log, and on to those that read it.
import {get} from './api.js';
import {callRates} from './call_rates.js';
import {kinds} from './contract.js';
import {makeDemo} from './demo.js';
import {h, setText, svg} from './dom.js';
import {feed, subscribe} from './events.js';
import {formatDuration, formatNumber, formatRate, formatSeconds, label, secondsOf} from './format.js';

const STATUS_MS = 1000;
const RATE_MS = 5000; // over so long is a rate
const TRAVELLERS = 24; // events in motion at once; further ones don't move
const TRAVEL_MS = 1400;
const APART_MS = 40; // between two that were read at once

/* ---- a service's card ---- */

function whatItKeeps(name, ownKinds) {
  if (name === 'event') return 'an index of the log';
  return ownKinds.map((kind, i) => [i > 0 ? ', ' : '', h('a', {href: `#/state/${kind.itemsKey}`}, kind.title)]);
}

// `ownKinds`: of the entities that it keeps
function makeCard(name, ownKinds) {
  const figures = Object.fromEntries(['calls', 'rate', 'lag', 'letters', 'outbox'].map((key) => [key, h('dd', {}, '–')]));
  const state = h('p', {class: 'state'}, 'asking …');
  const element = h('section', {class: 'card', 'data-service': name, 'aria-label': `Service ${name}`},
    h('h2', {}, name), h('p', {class: 'kinds'}, whatItKeeps(name, ownKinds)), state,
    h('dl', {},
      h('div', {}, h('dt', {}, 'answers'), figures.calls),
      h('div', {}, h('dt', {}, 'writes'), figures.rate),
      h('div', {}, h('dt', {}, 'lag'), figures.lag),
      h('div', {}, h('dt', {}, h('a', {href: `#/dead-letters/${name}`}, 'dead letters')), figures.letters),
      h('div', {}, h('dt', {}, 'outbox'), figures.outbox)));
  return {name, element, state, figures, readings: []};
}

// The innermost of "Can't reach crm at ...: ...: Connection refused", which says why; all of it is the card's title.
const lastCause = (message) => message.split(': ').at(-1);

function showState(card, service) {
  const {status, error} = service;
  const ready = Boolean(status?.ready);
  card.element.classList.toggle('away', !status);
  card.element.classList.toggle('unready', Boolean(status) && !ready);
  setText(card.state, error ? `away: ${lastCause(error.message)}` : ready ? 'ready' : `not ready: ${status.reason}`);
  card.state.title = error?.message ?? '';
}

function showFigures(card, rate) {
  const reader = feed.readers.find((one) => one.service === card.name);
  setText(card.figures.rate, rate === null ? '–' : formatRate(rate));
  if (!reader) return;
  const lag = Number(reader.lagEntries);
  card.element.classList.toggle('behind', lag > 0);
  setText(card.figures.lag, lag > 0 ? `${formatNumber(lag)}, ${formatSeconds(secondsOf(reader.lagTime))}` : '0');
  const letters = Number(reader.deadLetters);
  card.figures.letters.classList.toggle('bad', letters !== 0);
  setText(card.figures.letters, letters < 0 ? 'over 1,000 keys' : formatNumber(letters));
}

// Of calls, over RATE_MS: the figures only grow.
function showCalls(card, service) {
  const reading = {status: service.status, ms: performance.now()};
  card.readings.push(reading);
  while (card.readings.length > 2 && reading.ms - card.readings[1].ms > RATE_MS) card.readings.shift();
  const rates = callRates(card.readings[0], reading);
  if (!rates) card.readings = [reading];
  const failed = rates?.failed > 0 ? `, ${formatRate(rates.failed)} failed` : '';
  const slowest = rates && rates.p99 !== null ? `, p99 ${formatDuration(rates.p99)}` : '';
  card.figures.calls.classList.toggle('bad', rates?.failed > 0);
  setText(card.figures.calls, rates ? `${formatRate(rates.calls)}${failed}${slowest}` : '–');
  const messages = service.status?.outbox?.messages;
  setText(card.figures.outbox, messages === undefined || Number(messages) < 0 ? '–' : formatNumber(messages));
}

/* ---- rates, by the lengths of streams: all events count, also those that the feed leaves out ---- */

class Rates {
  constructor() {
    this.samples = [];
  }

  add(lengths) {
    const now = performance.now();
    this.samples.push({now, lengths});
    while (this.samples.length > 2 && now - this.samples[1].now > RATE_MS) this.samples.shift();
  }

  // Events a second of the types, or null while it isn't known.
  of(types) {
    const first = this.samples[0];
    const latest = this.samples.at(-1);
    if (!first || first === latest) return null;
    const grown = types.reduce((sum, type) => sum + Math.max(0, (latest.lengths[type] ?? 0) - (first.lengths[type] ?? 0)), 0);
    return (grown * 1000) / (latest.now - first.now);
  }
}

function lengthsByType() {
  const lengths = {};
  for (const stream of feed.streams) {
    lengths[stream.entityType] = (lengths[stream.entityType] ?? 0) + Number(stream.length);
  }
  return lengths;
}

/* ---- arrows, and events that travel along them ---- */

class Arrows {
  constructor(figure, log) {
    this.figure = figure;
    this.log = log;
    this.canvas = svg('svg', {class: 'arrows', 'aria-hidden': 'true', focusable: 'false'});
    this.moving = 0;
    figure.append(this.canvas);
  }

  // Where a card's arrow begins, and where it meets the log; `shift` puts the two directions beside each other.
  ends(card, shift) {
    const whole = this.figure.getBoundingClientRect();
    const box = card.element.getBoundingClientRect();
    const log = this.log.getBoundingClientRect();
    const above = box.top < log.top;
    const x = box.left + box.width / 2 - whole.left + shift;
    return {x, from: (above ? box.bottom : box.top) - whole.top, to: (above ? log.top : log.bottom) - whole.top};
  }

  line(card, shift, into) {
    const {x, from, to} = this.ends(card, shift);
    const [start, tip] = into ? [from, to] : [to, from];
    const back = Math.sign(start - tip) * 6;
    return svg('path', {class: into ? 'writes' : 'reads', d: `M${x} ${start}V${tip}m-4 ${back}L${x} ${tip}l4 ${back}`});
  }

  draw(writers, readers) {
    this.canvas.replaceChildren(
      ...writers.map((card) => this.line(card, -8, true)), ...readers.map((card) => this.line(card, 8, false)));
  }

  travel(writer, readers) {
    for (const reader of readers.length > 0 ? readers : [null]) this.travelTo(writer, reader);
  }

  travelTo(writer, reader) {
    if (this.moving >= TRAVELLERS || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
    const start = this.ends(writer, -8);
    const points = [[start.x, start.from], [start.x, start.to]];
    if (reader) {
      const goal = this.ends(reader, 8);
      points.push([goal.x, goal.to], [goal.x, goal.from]);
    }
    const dot = this.canvas.appendChild(svg('circle', {class: 'traveller', r: 5}));
    this.moving++;
    const frames = points.map(([x, y]) => ({transform: `translate(${x}px, ${y}px)`}));
    dot.animate(frames, {duration: TRAVEL_MS, delay: this.moving * APART_MS, fill: 'backwards'}).onfinish = () => {
      this.moving--;
      dot.remove();
    };
  }
}

/* ---- the view ---- */

const howToStop = () => h('section', {class: 'command', 'aria-label': 'Stop a service'}, h('h2', {}, 'Stop a service'),
  h('p', {}, h('code', {}, 'deploy/local/down.sh crm'), ' in a terminal: its box greys and its lag counts up. ',
    h('code', {}, 'deploy/local/up.sh crm'), ': it catches up with what it missed.'));


export async function showOverview(page) {
  const [known, first] = await Promise.all([kinds(), get('/status')]);
  const kindsOf = (name) => known.filter((kind) => kind.service === name);
  const cards = first.services.map((service) => makeCard(service.name, kindsOf(service.name)));
  const logFigures = h('p', {}, '–');
  const log = h('section', {class: 'log', 'aria-label': 'The log'}, h('h2', {}, 'Redis Streams: the log of events'), logFigures);
  const half = Math.ceil(cards.length / 2);
  const figure = h('div', {class: 'figure'},
    h('div', {class: 'cards'}, cards.slice(0, half).map((card) => card.element)), log,
    h('div', {class: 'cards'}, cards.slice(half).map((card) => card.element)));
  const news = h('p', {class: 'visually-hidden', role: 'status'});
  page.append(h('h1', {}, 'Overview'),
    h('p', {class: 'lead'}, 'Commands reach a service, which writes what happened into the log; the services that listen react to it, whenever they can.'),
    figure, news, h('div', {class: 'commands'}, makeDemo(), howToStop()));

  const arrows = new Arrows(figure, log);
  const rates = new Rates();
  const typesOf = (name) => kindsOf(name).map((kind) => kind.type);
  const writerOf = (type) => {
    const owner = known.find((kind) => kind.type === type)?.service ?? type;
    return cards.find((card) => card.name === owner);
  };
  const readersOf = (streamName) => {
    const readers = feed.streams.find((stream) => stream.name === streamName)?.readers ?? [];
    return cards.filter((card) => readers.includes(card.name));
  };

  const drawArrows = () => {
    const reading = new Set(feed.streams.flatMap((stream) => stream.readers));
    arrows.draw(cards.filter((card) => typesOf(card.name).length > 0), cards.filter((card) => reading.has(card.name)));
  };
  const showLog = () => {
    if (feed.streams.length > 0) rates.add(lengthsByType());
    const all = rates.of([...new Set(feed.streams.map((stream) => stream.entityType))]);
    for (const card of cards) {
      const types = typesOf(card.name);
      showFigures(card, types.length > 0 ? rates.of(types) : null);
    }
    const sampled = feed.sampling ? '; a sample of them is shown' : '';
    setText(logFigures, `${formatNumber(feed.total)} events${all === null ? '' : `, ${all.toFixed(1)}/s`}${sampled}`);
  };
  const takeIn = (events) => {
    if (events.length === 0) {
      showLog();
      if (arrowsDrawnFor !== feed.streams.length) drawArrows();
      arrowsDrawnFor = feed.streams.length;
    }
    for (const event of events.slice(-TRAVELLERS)) {
      const writer = writerOf(event.entityType);
      if (writer && Date.now() - Date.parse(event.time) < 10000) arrows.travel(writer, readersOf(event.stream));
    }
  };

  const showStatus = (reply) => {
    // A service of one's own may turn out to have no status to tell, or to have one now: then this view has it when it
    // is opened again.
    for (const card of cards) {
      const service = reply.services.find((one) => one.name === card.name);
      card.element.hidden = !service;
      if (!service) continue;
      const before = card.element.classList.contains('away');
      showState(card, service);
      showCalls(card, service);
      const away = card.element.classList.contains('away');
      if (before !== away) setText(news, `${label(card.name)} is ${away ? 'away' : 'back'}`);
    }
  };
  const ask = async () => {
    const reply = await get('/status').catch((error) => ({services: cards.map((card) => ({name: card.name, error}))}));
    showStatus(reply);
  };

  let arrowsDrawnFor = -1;
  showStatus(first);
  takeIn([]);
  const endFeed = subscribe(takeIn);
  const resizing = new ResizeObserver(drawArrows);
  resizing.observe(figure);
  const timer = setInterval(ask, STATUS_MS);
  return () => {
    endFeed();
    resizing.disconnect();
    clearInterval(timer);
  };
}
