// SPDX-License-Identifier: Apache-2.0
// Views: whether what a service knows of others' entities is what the log's events lead to, and building it anew.
// #/views/<service>
import {callService, get} from './api.js';
import {h} from './dom.js';
import {makeForm} from './form.js';
import {formatField, formatNumber, label} from './format.js';
import {asOperator, operatorField} from './operator.js';
import {shower, showServicePage, table} from './service_page.js';

const HOW = [['verify', 'only compare'], ['replace', 'compare, and put what is built in its place']];

const states = {
  VIEW_REBUILD_STATE_ASKED: 'It has not begun yet.',
  VIEW_REBUILD_STATE_BUILDING: 'It reads the log.',
  VIEW_REBUILD_STATE_COMPARING: 'It compares what it has built with the live view.',
};

const read = (service) => callService(service, 'ViewService/GetViewRebuild', {}, {reads: true});

const wrongRows = (rebuild) => Number(rebuild.rowsWrong) + Number(rebuild.rowsMissing) + Number(rebuild.rowsSurplus);

function outcome(rebuild) {
  if (rebuild.state === 'VIEW_REBUILD_STATE_FAILED') return `It could not be done, and the view is as it was: ${rebuild.error}`;
  if (rebuild.state !== 'VIEW_REBUILD_STATE_DONE') return states[rebuild.state];
  const wrong = wrongRows(rebuild);
  if (wrong === 0) return 'The view is what the events lead to.';
  const rows = `${formatNumber(rebuild.rowsWrong)} rows were wrong, ${formatNumber(rebuild.rowsMissing)} missing, ${formatNumber(rebuild.rowsSurplus)} too many`;
  return `${rows}. ${rebuild.verifyOnly ? 'It was only compared.' : 'What was built has taken the place of the view.'}`;
}

const rowOfDifference = ({kind, key, field, live, rebuilt}) =>
  [key, field || '–', kind.replace('VIEW_DIFFERENCE_KIND_', '').toLowerCase(), live || '–', rebuilt || '–'];

function nodesOf(rebuild) {
  if (!rebuild.id) return [h('p', {}, 'None has been asked for.')];
  const facts = [
    ['View', `${rebuild.service}'s ${rebuild.view}${rebuild.verifyOnly ? ', only to be compared' : ''}`],
    ['Asked for by', rebuild.operatorName], ['Why', rebuild.reason || '–'],
    ['Begun', formatField('time', rebuild.createTime)], ['Ended', formatField('time', rebuild.endTime)],
    ['Events read', `${formatNumber(rebuild.eventsRead)} of ${formatNumber(rebuild.eventsTotal)}`],
    ['Events that are refused for good', formatNumber(rebuild.eventsLeftOut)], ['Rows compared', formatNumber(rebuild.rowsCompared)]];
  const failed = rebuild.state === 'VIEW_REBUILD_STATE_FAILED' || wrongRows(rebuild) > 0;
  return [h('p', {class: failed ? 'error' : null, 'data-part': 'outcome'}, outcome(rebuild)),
    h('dl', {class: 'fields'}, facts.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)))),
    rebuild.differences.length > 0
      ? table('Differences', ['Row', 'Field', 'What', 'The live view has', 'The events lead to'], rebuild.differences.map(rowOfDifference)) : ''];
}

const rebuildForm = (service, views) => makeForm({
  title: 'Build a view anew',
  fields: [{name: 'view', label: 'View', options: views.map((view) => [view, view]), reload: async () => views.map((view) => [view, view])},
    {name: 'how', label: 'Then', options: HOW, value: 'verify', reload: async () => HOW},
    {name: 'reason', label: 'Why'}, operatorField()],
  send: asOperator(service, 'ViewService/StartViewRebuild',
    ({view, how, reason}) => ({view, verifyOnly: how !== 'replace', reason}), ({view}) => `${view} is built anew; calls and events go on`),
});

async function fill(body, service) {
  const latest = h('div', {'data-part': 'rebuild'});
  const show = shower(latest, nodesOf);
  const first = await read(service);
  show(first);
  body.append(
    h('p', {class: 'lead'}, 'What this service knows of others’ entities is made of their events. If it is wrong, it is built anew from the log beside the live one, compared with it, and put in its place in one step.'),
    first.views.length > 0 ? h('div', {class: 'commands'}, rebuildForm(service, first.views)) : h('p', {}, `${label(service)} has no views.`),
    h('section', {}, h('h2', {}, 'The latest one'), latest));
  return async () => show(await read(service));
}

export async function showViews(page, [given]) {
  const {services} = await get('/status');
  const service = given ?? services[0].name;
  const {showTabs, end} = await showServicePage(page, {
    title: `Views of ${service}`, name: 'views', service, lacking: `${label(service)} has no views.`, fill});
  showTabs(services.map(({name}) => [name, name]));
  return end;
}
