// SPDX-License-Identifier: Apache-2.0
// Dead letters: what a service could not handle and why, and the two things that an operator can do about it, to retry
// and to skip. #/dead-letters/<service>, #/dead-letters/<service>/<key>
import {callService, get} from './api.js';
import {h} from './dom.js';
import {feed, subscribe} from './events.js';
import {fieldList} from './fields.js';
import {makeForm} from './form.js';
import {formatField, formatNumber, label, shortId} from './format.js';
import {asOperator, operatorField} from './operator.js';
import {shower, showServicePage, table} from './service_page.js';

const PAGE_SIZE = 50;
const OPERATIONS = 20;

const read = (service, method, body = {}) => callService(service, `DeadLetterService/${method}`, body, {reads: true});

const place = (service, key) => `#/dead-letters/${service}${key === undefined ? '' : `/${encodeURIComponent(key)}`}`;

/* ---- what can be done ---- */

// What became of a retry: its dead letters that could not be handled again are shown by the page.
function outcome({keys, freedKeys, pendingKeys, refusedKeys}) {
  const parts = [`${formatNumber(keys)} keys retried`, `${formatNumber(freedKeys)} go on`];
  if (Number(pendingKeys) > 0) parts.push(`${formatNumber(pendingKeys)} are still at it`);
  if (Number(refusedKeys) > 0) parts.push(`${formatNumber(refusedKeys)} are still held`);
  return parts.join(', ');
}

const retryKey = (service, key) => makeForm({
  title: 'Retry', fields: [operatorField()],
  send: asOperator(service, 'DeadLetterService/RetryDeadLetters', () => ({key}), outcome),
});

// `first()` returns the id of the key's first dead letter.
const skipFirst = (service, key, first) => makeForm({
  title: 'Skip the first', danger: true,
  fields: [{name: 'reason', label: 'Why it is given up'}, operatorField()],
  send: asOperator(service, 'DeadLetterService/SkipDeadLetter', ({reason}) => ({key, id: first(), reason}), ({skipped}) => `${skipped.id} is given up`),
});

const ALL = 'all';

async function retryChoices(service) {
  const {groups} = await read(service, 'ListDeadLetterGroups');
  return [[ALL, 'All'], ...groups.map((group) => [group.fingerprint, `${group.keys}: ${group.reason}`])];
}

const retryMany = async (service) => makeForm({
  title: 'Retry', fields: [
    {name: 'fingerprint', label: 'Keys that are held for', options: await retryChoices(service), reload: () => retryChoices(service)},
    operatorField()],
  send: asOperator(service, 'DeadLetterService/RetryDeadLetters', ({fingerprint}) => (fingerprint === ALL ? {all: true} : {fingerprint}), outcome),
});

/* ---- the keys of a service ---- */

const rowOfKey = (service) => ({key, first, waiting, retrying}) => [
  h('a', {href: place(service, key), title: key}, shortId(key)),
  first ? first.stream || 'a message' : '–',
  retrying ? 'it is being retried' : first ? first.reason : 'it is held, without dead letters',
  formatNumber(waiting),
  first ? formatNumber(first.attempts) : '–',
  first ? formatField('time', first.lastAttemptTime) : '–'];

const rowOfOperation = ({time, operatorName, action, subject, deadLetterId, reason}) =>
  [formatField('time', time), operatorName, action, shortId(subject), deadLetterId || '–', reason];

// Fills `element` page by page; returns how to read the present page again.
function keyTable(service, element) {
  const before = []; // tokens of the pages before this one
  let current = '';
  const turn = (token) => {
    current = token;
    refresh();
  };
  const buttons = (next) => h('div', {class: 'bar'},
    h('button', {type: 'button', disabled: before.length === 0, onclick: () => turn(before.pop())}, 'Previous page'),
    h('button', {type: 'button', disabled: !next, onclick: () => {
      before.push(current);
      turn(next);
    }}, 'Next page'));
  const show = shower(element, ({keys, nextPageToken}) => (keys.length === 0 ? [h('p', {}, `${label(service)} has none.`)] : [
    table('Keys', ['Key', 'Stream', 'Why', 'Waiting behind', 'Attempts', 'Last attempt'], keys.map(rowOfKey(service))),
    buttons(nextPageToken)]));
  const refresh = async () => show(await read(service, 'ListDeadLetterKeys', {pageSize: PAGE_SIZE, pageToken: current}));
  return refresh;
}

async function showService(page, service) {
  const keys = h('div', {'data-part': 'keys'});
  const operations = h('div', {'data-part': 'operations'});
  const refreshKeys = keyTable(service, keys);
  const showOperations = shower(operations, (reply) => [reply.operations.length === 0 ? h('p', {}, 'Nothing yet.')
    : table('What operators did', ['When', 'Who', 'What', 'Key', 'Dead letter', 'Why'], reply.operations.map(rowOfOperation))]);
  const refresh = async () => {
    await refreshKeys();
    showOperations(await read(service, 'ListOperations', {pageSize: OPERATIONS}));
  };
  await refresh();
  const form = await retryMany(service);
  page.append(
    h('p', {class: 'lead'}, 'Events that could not be handled, and the later ones of the same key, which wait behind them. Mend the cause, then retry.'),
    keys, h('div', {class: 'commands'}, form),
    h('section', {}, h('h2', {}, 'What operators did'), operations));
  form.addEventListener('changed', () => form.querySelector('select').dispatchEvent(new Event('reload')));
  return refresh;
}

/* ---- the dead letters of a key ---- */

function letterOf(letter, i) {
  const {'@type': type, ...fields} = letter.body ?? {};
  return h('section', {'data-letter': letter.id},
    h('h2', {}, `${i + 1}. ${letter.stream || 'message'} ${letter.id}`),
    h('p', {class: letter.reason ? 'error' : null}, letter.reason),
    h('p', {class: 'hint'}, Number(letter.attempts) > 0
      ? `tried ${letter.attempts} times, last on ${formatField('time', letter.lastAttemptTime)}` : 'never tried: it waits'),
    letter.eventId ? h('p', {}, h('a', {href: `#/cause/${letter.eventId}`}, 'What led to it')) : null,
    type ? fieldList(fields) : h('p', {}, letter.rawBody ? 'It can’t be decoded.' : 'It is gone.'));
}

async function showKey(page, service, key) {
  let first;
  const letters = h('div', {'data-part': 'letters'});
  const show = shower(letters, ({deadLetters, nextPageToken}) => [...deadLetters.map(letterOf),
    deadLetters.length === 0 ? h('p', {}, 'There are none of this key.')
      : nextPageToken ? h('p', {class: 'hint'}, `Further ones wait behind these ${deadLetters.length}.`) : '']);
  const refresh = async () => {
    const reply = await read(service, 'ListDeadLetters', {key, pageSize: PAGE_SIZE}).catch((error) => {
      if (error.reason !== 'DEAD_LETTER_NOT_FOUND') throw error;
      return {deadLetters: []};
    });
    first = reply.deadLetters[0]?.id;
    show(reply);
  };
  await refresh();
  page.append(h('p', {class: 'id'}, key), h('p', {}, h('a', {href: place(service)}, `All keys of ${service}`)),
    h('div', {class: 'commands'}, retryKey(service, key), skipFirst(service, key, () => first)), letters);
  return refresh;
}

/* ---- the view ---- */

// The first service that has some.
async function chooseService() {
  const readers = feed.readers.length > 0 ? feed.readers : (await get('/v1/streams')).readers;
  return (readers.find((reader) => Number(reader.deadLetters) !== 0) ?? readers[0]).service;
}

export async function showDeadLetters(page, [given, key]) {
  const service = given ?? (await chooseService());
  const {showTabs, end} = await showServicePage(page, {
    title: `Dead letters of ${service}`, name: 'dead-letters', service,
    lacking: `${label(service)} reads no events, so it has none.`,
    fill: (body) => (key === undefined ? showService(body, service) : showKey(body, service, key)),
  });
  const tabOf = ({service: name, deadLetters}) => {
    const count = Number(deadLetters);
    return [name, count === 0 ? name : `${name} (${count < 0 ? 'over 1,000' : formatNumber(count)})`];
  };
  const showCounts = () => showTabs(feed.readers.map(tabOf));
  showCounts();
  const endFeed = subscribe(showCounts);
  return () => {
    end();
    endFeed();
  };
}
