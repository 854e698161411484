// SPDX-License-Identifier: Apache-2.0
// Events: what happens, as it happens, the newest at the top.
import {h, setText} from './dom.js';
import {feed, subscribe} from './events.js';
import {formatClock, formatNumber, shortId} from './format.js';
import {fieldList, parseEntity, summary} from './fields.js';
import {VirtualList} from './virtual_list.js';

const ROW_HEIGHT = 34;

export const entityLink = (type, id) => h('a', {href: `#/entity/${type}/${encodeURIComponent(id)}`, title: id}, `${type} ${shortId(id)}`);

// All that a text can be found in; written once for each event.
function searchable(event) {
  event.text ??= `${event.stream} ${event.eventId} ${JSON.stringify(parseEntity(event))}`.toLowerCase();
  return event.text;
}

// What is asked for must all hold.
function makeFilter({stream, entity, text}) {
  const needle = text.trim().toLowerCase();
  const id = entity.trim().toLowerCase();
  return (event) =>
    (!stream || event.stream === stream) &&
    (!id || event.entityId.startsWith(id) || event.entityType === id) &&
    (!needle || searchable(event).includes(needle));
}

function details(event) {
  return [
    h('h2', {}, event.stream),
    h('p', {}, entityLink(event.entityType, event.entityId), ' · ',
      h('a', {href: `#/cause/${event.eventId}`}, 'what led to it, and to what it led')),
    h('dl', {class: 'fields'},
      [['Entry', event.entry], ['Event id', event.eventId], ['Caused by', event.cause || 'a command']].map(([name, value]) =>
        h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    h('h3', {}, 'The entity then'),
    fieldList(parseEntity(event)),
  ];
}

function controls(query, streams, onchange) {
  const select = h('select', {id: 'filter-stream', onchange});
  const options = () => {
    const names = streams();
    if (select.options.length === names.length + 1) return;
    const chosen = select.value || query.get('stream') || '';
    select.replaceChildren(h('option', {value: ''}, 'all'), ...names.map((name) => h('option', {selected: name === chosen}, name)));
  };
  options();
  const entity = h('input', {id: 'filter-entity', type: 'search', value: query.get('entity') ?? '', placeholder: 'kind or id', oninput: onchange});
  const text = h('input', {id: 'filter-text', type: 'search', value: query.get('text') ?? '', placeholder: 'in any field', oninput: onchange});
  const element = h('div', {class: 'filters', role: 'search', 'aria-label': 'Which events'},
    h('label', {}, 'Stream', select), h('label', {}, 'Entity', entity), h('label', {}, 'Text', text));
  return {element, options, values: () => ({stream: select.value, entity: entity.value, text: text.value})};
}

export function showEvents(page, parts, query) {
  let paused = false;
  let waiting = 0;
  let matches = () => true;
  let isFiltered = false;
  let shown = [];

  const panel = h('aside', {class: 'details', 'aria-label': 'The chosen event', 'aria-live': 'polite'},
    h('p', {class: 'hint'}, 'Choose an event to see its fields.'));
  const list = new VirtualList({
    name: 'Events', rowHeight: ROW_HEIGHT, columns: ['Time', 'Stream', 'Entity', 'What'],
    choose: (event) => {
      panel.replaceChildren(...details(event));
      panel.scrollIntoView({block: 'nearest'});
    },
    renderRow: (row, event) => row.append(
      h('span', {role: 'cell'}, h('button', {type: 'button', class: 'plain', 'aria-label': `${formatClock(event.time)}: show the fields`},
        formatClock(event.time))),
      h('span', {role: 'cell'}, event.stream),
      h('span', {role: 'cell'}, entityLink(event.entityType, event.entityId)),
      h('span', {role: 'cell'}, summary(parseEntity(event)))),
  });
  const said = h('p', {class: 'hint', id: 'events-said'});
  const button = h('button', {type: 'button', 'aria-pressed': 'false', id: 'pause', onclick: () => pause(!paused)}, 'Pause');
  const filter = controls(query, () => feed.streams.map((stream) => stream.name), () => refilter());

  const say = () => {
    const still = paused ? 'Paused' : list.isHeld ? 'Still while the focus is in a row' : '';
    const held = still ? `${still}; ${formatNumber(waiting)} more since. ` : '';
    const sampled = feed.sampling ? 'A sample: more events come than can be shown. ' : '';
    const missed = feed.leftOut > 0 ? ` ${formatNumber(feed.leftOut)} were left out of it.` : '';
    setText(said, `${held}${sampled}${formatNumber(shown.length)} of the latest ${formatNumber(feed.recent.length)} events; ${formatNumber(feed.total)} in the log.${missed}`);
  };
  const refilter = () => {
    const values = filter.values();
    matches = makeFilter(values);
    isFiltered = Object.values(values).some((value) => value.trim() !== '');
    shown = feed.recent.filter(matches);
    waiting = 0;
    list.setItems(shown);
    say();
  };
  const pause = (now) => {
    paused = now;
    button.setAttribute('aria-pressed', String(paused));
    setText(button, paused ? 'Go on' : 'Pause');
    refilter();
  };
  const takeIn = (events) => {
    filter.options();
    const fitting = events.filter(matches).length;
    if (paused || list.isHeld) {
      waiting += fitting;
    } else if (events.length > 0 || waiting > 0) {
      shown = feed.recent.filter(matches);
      list.setItems(shown, fitting + waiting);
      waiting = 0;
    }
    say();
  };

  page.append(h('h1', {}, 'Events'), h('div', {class: 'bar'}, filter.element, button), said,
    h('div', {class: 'split'}, list.element, panel));
  refilter();
  const endFeed = subscribe(takeIn, (event) => isFiltered && matches(event));
  const resizing = new ResizeObserver(() => list.schedule());
  resizing.observe(list.element);
  return () => {
    endFeed();
    resizing.disconnect();
  };
}
