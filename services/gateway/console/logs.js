// SPDX-License-Identifier: Apache-2.0
// Logs: how far a service has seen and applied the log, what it misses of it, and going on without that. #/logs/<service>
import {callService, get} from './api.js';
import {h} from './dom.js';
import {makeForm} from './form.js';
import {formatField, label} from './format.js';
import {asOperator, operatorField} from './operator.js';
import {shower, showServicePage, table} from './service_page.js';

const read = (service) => callService(service, 'LogService/GetLogStatus', {}, {reads: true});

const nameOf = (log) => (log ? `The log of ${log}` : 'The shop’s log');

const rowOfStream = ({name, end, known, applied}) => [name, end, known || '–', applied || '–'];

// `etagOf()` returns that of what is shown as missing: that is accepted, and nothing else.
const acceptForm = (service, name, etagOf) => makeForm({
  title: `Go on without what is missing${name ? ` of the log of ${name}` : ''}`, button: 'Accept the loss', danger: true,
  fields: [{name: 'reason', label: 'Why it is accepted'}, operatorField()],
  send: asOperator(service, 'LogService/AcceptLogLoss', ({reason}) => ({log: name, etag: etagOf(), reason}),
    ({accepted}) => `${accepted.length === 1 ? 'One loss is' : `${accepted.length} losses are`} accepted: the service goes on within seconds`),
});

const lossNodes = (losses) => [losses.length === 0 ? h('p', {}, 'Nothing is missing.')
  : h('ul', {class: 'error'}, losses.map(({stream, description}) => h('li', {}, stream ? `${stream}: ${description}` : description)))];

function factNodes({name, epoch, end, knownEnd, applied, streams}) {
  const facts = [['Epoch', epoch], ['Reaches to', end], ['Seen by this process to', knownEnd], ['Applied to', applied]];
  return [h('dl', {class: 'fields'}, facts.map(([what, value]) => h('div', {}, h('dt', {}, what), h('dd', {}, value || '–')))),
    streams.length > 0
      ? table(`Streams of ${nameOf(name)}`, ['Stream', 'Reaches to', 'Seen by this process to', 'Applied to'], streams.map(rowOfStream)) : ''];
}

// The log goes on, and what is missing may grow, while somebody writes why it is accepted: the form stays.
function logPart(service, name) {
  let etag;
  const losses = h('div', {'data-part': 'losses'});
  const facts = h('div');
  const commands = h('div', {class: 'commands', hidden: true}, acceptForm(service, name, () => etag));
  const showLosses = shower(losses, lossNodes);
  const showFacts = shower(facts, factNodes);
  const show = (log) => {
    etag = log.etag;
    commands.hidden = !etag;
    showLosses(log.losses);
    showFacts(log);
  };
  return {show, element: h('section', {'data-log': name}, h('h2', {}, nameOf(name)), losses, commands, facts)};
}

const rowOfAcceptance = ({time, operatorName, description}) => [formatField('time', time), operatorName, description];

async function fill(body, service) {
  const logs = h('div');
  const acceptances = h('div', {'data-part': 'acceptances'});
  const parts = new Map(); // of the logs, by their names
  const showLog = (log) => {
    if (!parts.has(log.name)) {
      parts.set(log.name, logPart(service, log.name));
      logs.append(parts.get(log.name).element);
    }
    parts.get(log.name).show(log);
  };
  const showAcceptances = shower(acceptances, (reply) => [reply.length === 0 ? h('p', {}, 'Nothing yet.')
    : table('What operators accepted', ['When', 'Who', 'What'], reply.map(rowOfAcceptance))]);
  const refresh = async () => {
    const status = await read(service);
    status.logs.forEach(showLog);
    showAcceptances(status.acceptances);
  };
  await refresh();
  body.append(
    h('p', {class: 'lead'}, 'A service that misses something of a log handles no events and records nothing, until it is there again or an operator accepts that it is lost. Restore what can be restored first.'),
    logs, h('section', {}, h('h2', {}, 'What operators accepted'), acceptances));
  return refresh;
}

export async function showLogs(page, [given]) {
  const {services} = await get('/status');
  const service = given ?? services[0].name;
  const {showTabs, end} = await showServicePage(page, {
    title: `Logs of ${service}`, name: 'logs', service, lacking: `${label(service)} neither owns nor reads a log.`, fill});
  showTabs(services.map(({name, status}) => [name, status && !status.ready ? `${name} (not ready)` : name]));
  return end;
}
