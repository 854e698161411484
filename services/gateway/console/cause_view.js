// SPDX-License-Identifier: Apache-2.0
// What led to an event, and all that it led to, as one tree: #/cause/<event id> or #/cause/<kind>/<id>.
import {get} from './api.js';
import {h} from './dom.js';
import {entityLink} from './events_view.js';
import {parseEntity, summary} from './fields.js';
import {formatClock} from './format.js';

function branch(tree, chosen) {
  const {event, effects = []} = tree;
  const isChosen = event.eventId === chosen;
  return h('li', {class: isChosen ? 'chosen' : null, 'aria-current': isChosen ? 'true' : null},
    h('span', {class: 'tag'}, event.stream), ' ', entityLink(event.entityType, event.entityId),
    ' ', summary(parseEntity(event)),
    h('span', {class: 'hint'}, ` ${formatClock(event.time)}${tree.link === 'CAUSE_LINK_ATTEMPT' ? ', of the same order' : ''}`),
    effects.length > 0 ? h('ul', {}, effects.map((effect) => branch(effect, chosen))) : null);
}

export async function showCause(page, parts) {
  const [first, id] = parts;
  const query = id ? {'entity.entity_type': first, 'entity.id': id} : {event_id: first};
  const reply = await get('/v1/causes', {...query, view: 'EVENT_VIEW_JSON'});
  page.append(h('h1', {}, 'What led to what'),
    h('ul', {class: 'tree'}, branch(reply.tree, id ? null : first)),
    reply.truncated ? h('p', {class: 'hint'}, 'The tree is larger than is shown here.') : '');
}
