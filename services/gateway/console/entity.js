// SPDX-License-Identifier: Apache-2.0
// An entity: its fields, what it refers to and what refers to it, its history, and a slider through its versions.
import {editable} from './act.js';
import {get} from './api.js';
import {kinds} from './contract.js';
import {h, setText} from './dom.js';
import {subscribe} from './events.js';
import {fieldList, parseEntity} from './fields.js';
import {formatField, label} from './format.js';
import {entityTable} from './state.js';

async function readHistory(type, id) {
  const events = [];
  let token = '';
  do {
    const page = await get(`/v1/entities/${type}/${encodeURIComponent(id)}/history`, {view: 'EVENT_VIEW_JSON', page_size: 1000, page_token: token});
    events.push(...(page.events ?? []));
    token = page.nextPageToken;
  } while (token && events.length < 5000);
  return events;
}

const readAt = (type, id, entry) =>
  get(`/v1/entities/${type}/${encodeURIComponent(id)}`, {at_entry: entry, view: 'EVENT_VIEW_JSON'});

// Fields as of the version that the slider is at, asked of the log; and what is known of the version before it.
function versions(type, id, events) {
  let asked = 0;
  const state = h('div', {'data-part': 'fields'});
  const text = h('output', {for: 'version'});
  const slider = h('input', {id: 'version', type: 'range', min: 1, max: events.length, value: events.length, oninput: () => show()});
  const rows = h('ol', {class: 'history'});
  const show = async () => {
    const turn = ++asked;
    const index = Number(slider.value) - 1;
    const event = events[index];
    const said = `${index + 1} of ${events.length}: ${event.stream}, ${formatField('time', event.time)}`;
    setText(text, said);
    slider.setAttribute('aria-valuetext', said);
    rows.querySelectorAll('li').forEach((row, i) => row.classList.toggle('chosen', i === index));
    const reply = await readAt(type, id, event.entry);
    if (turn !== asked) return;
    state.replaceChildren(
      reply.deleted ? h('p', {class: 'error'}, 'It was deleted then; this is what it was at last.') : '',
      fieldList(parseEntity(reply.event), index > 0 ? parseEntity(events[index - 1]) : undefined));
  };
  const list = () => {
    slider.max = events.length;
    slider.disabled = events.length < 2;
    rows.replaceChildren(...events.map((event, i) => h('li', {},
      h('button', {type: 'button', class: 'plain', onclick: () => {
        slider.value = i + 1;
        show();
      }}, `${event.stream}, ${formatField('time', event.time)}`), ' ',
      h('a', {href: `#/cause/${event.eventId}`}, 'why'))));
  };
  const add = (more) => {
    const wasLast = Number(slider.value) === events.length;
    events.push(...more);
    list();
    if (wasLast) slider.value = events.length;
    show();
  };
  list();
  return {add, show, element: h('div', {class: 'split'},
    h('section', {}, h('h2', {}, 'Fields'), h('label', {for: 'version'}, 'As of version'), slider, text, state),
    h('section', {}, h('h2', {}, 'History'), rows))};
}

// Tables of the kinds that can be listed by this one.
async function related(type, id, known) {
  const kindsOfIt = known.filter((kind) => kind.filters.includes(`${type}_id`));
  return Promise.all(kindsOfIt.map(async (kind) =>
    h('section', {}, h('h2', {}, `${kind.title} of this ${label(type).toLowerCase()}`), await entityTable(kind, known, {[`${type}_id`]: id}).catch((error) => h('p', {class: 'error'}, error.message)))));
}

export async function showEntity(page, [type, id]) {
  const [known, events] = await Promise.all([kinds(), readHistory(type, id)]);
  const history = versions(type, id, events);
  const latest = parseEntity(events.at(-1));
  const isDeleted = events.at(-1).stream.endsWith('_deleted');
  page.append(h('h1', {}, `${label(type)} ${latest.name ?? latest.subject ?? ''}`), h('p', {class: 'id'}, id),
    h('p', {class: 'actions'}, h('a', {href: `#/cause/${type}/${encodeURIComponent(id)}`}, 'What led to what'),
      (isDeleted ? [] : editable(type)).map(({title, action}) => [' · ', h('a', {href: `#/act/${action}?id=${encodeURIComponent(id)}`}, title)])),
    history.element);
  await history.show();
  page.append(...(await related(type, id, known)));
  const isOfIt = (event) => event.entityType === type && event.entityId === id;
  return subscribe((more) => {
    const own = more.filter((event) => isOfIt(event) && !events.some((one) => one.entry === event.entry));
    if (own.length > 0) history.add(own);
  }, isOfIt);
}
