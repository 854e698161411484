// SPDX-License-Identifier: Apache-2.0
// The fields of an entity, with links to the entities that they refer to.
import {kinds, referredType} from './contract.js';
import {h} from './dom.js';
import {formatField, isEmpty, label} from './format.js';

// The entity that an event has, or {} if it can't be decoded. A stream has it as it is, a page as a text.
export function parseEntity(event) {
  event.entity ??= event.entityJson ? JSON.parse(event.entityJson) : {};
  return event.entity;
}

const link = (type, id) => h('a', {href: `#/entity/${type}/${encodeURIComponent(id)}`}, id);

function valueNodes(name, value, known) {
  const type = name === 'id' || isEmpty(value) ? undefined : referredType(name, known);
  if (type) return [value].flat().flatMap((id, i) => [i > 0 ? ', ' : '', link(type, id)]);
  return [formatField(name, value)];
}

// A list of fields; those that differ from `before`, if it is given, are marked. Links appear once the contract is known.
export function fieldList(entity, before) {
  const rows = Object.entries(entity).map(([name, value]) => {
    const changed = before && JSON.stringify(before[name]) !== JSON.stringify(value);
    const definition = h('dd', {}, formatField(name, value));
    kinds().then((known) => definition.replaceChildren(...valueNodes(name, value, known), changed ? h('span', {class: 'changed-mark'}, ' changed') : ''), () => {});
    return h('div', {class: changed ? 'changed' : null, 'data-field': name}, h('dt', {}, label(name)), definition);
  });
  return h('dl', {class: 'fields'}, rows);
}
