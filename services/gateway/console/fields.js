// SPDX-License-Identifier: Apache-2.0
// The fields of an entity, with links to the entities that they refer to.
import {kinds, referredType} from './contract.js';
import {h} from './dom.js';
import {formatField, isEmpty, label, shortId} from './format.js';

// The entity that an event has, or {} if it can't be decoded. A stream has it as it is, a page as a text.
export function parseEntity(event) {
  event.entity ??= event.entityJson ? JSON.parse(event.entityJson) : {};
  return event.entity;
}

// What an entity is, in a word.
export function summary(entity) {
  const name = ['name', 'subject', 'totalCents', 'amountCents', 'amount', 'status', 'kind'].find((one) => entity[one] !== undefined);
  return name ? formatField(name, entity[name]) : '';
}

const link = (type, id, text) => h('a', {href: `#/entity/${type}/${encodeURIComponent(id)}`, title: id}, text);

function valueNodes(name, value, known, nameOf = (id) => id) {
  const type = name === 'id' || isEmpty(value) ? undefined : referredType(name, known);
  if (type) return [value].flat().flatMap((id, i) => [i > 0 ? ', ' : '', link(type, id, nameOf(id))]);
  return [isListOfParts(value) ? partsTable(value, known) : formatField(name, value)];
}

const isListOfParts = (value) => Array.isArray(value) && typeof value[0] === 'object';

// Parts of an entity, such as an order's items.
function partsTable(parts, known) {
  const names = Object.keys(parts[0]);
  return h('table', {class: 'parts'}, h('thead', {}, h('tr', {}, names.map((name) => h('th', {scope: 'col'}, label(name))))),
    h('tbody', {}, parts.map((part) => h('tr', {}, names.map((name) => h('td', {}, valueNodes(name, part[name], known, shortId)))))));
}

// A list of fields; those that differ from `before`, if it is given, are marked. Links appear once the contract is known.
export function fieldList(entity, before) {
  const rows = Object.entries(entity).map(([name, value]) => {
    const changed = before && JSON.stringify(before[name]) !== JSON.stringify(value);
    const definition = h('dd', {}, valueNodes(name, value, []));
    kinds().then((known) => definition.replaceChildren(...valueNodes(name, value, known), changed ? h('span', {class: 'changed-mark'}, ' changed') : ''), () => {});
    return h('div', {class: changed ? 'changed' : null, 'data-field': name}, h('dt', {}, label(name)), definition);
  });
  return h('dl', {class: 'fields'}, rows);
}
