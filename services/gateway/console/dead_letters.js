// SPDX-License-Identifier: Apache-2.0
// Dead letters: what a service could not handle and why, and the two things that an operator can do about it, to retry
// and to skip. #/dead-letters/<service>, #/dead-letters/<service>/<key>
import {callService, get} from './api.js';
import {h, setText} from './dom.js';
import {feed, subscribe} from './events.js';
import {fieldList} from './fields.js';
import {makeForm} from './form.js';
import {formatField, formatNumber, label, shortId} from './format.js';

const PAGE_SIZE = 50;
const REFRESH_MS = 2000;
const OPERATIONS = 20;
const NAME = 'ordershop-operator'; // of this tab, as the token is

const read = (service, method, body = {}) => callService(service, `DeadLetterService/${method}`, body, {reads: true});
const change = (service, method, body) => callService(service, `DeadLetterService/${method}`, body);

const place = (service, key) => `#/dead-letters/${service}${key === undefined ? '' : `/${encodeURIComponent(key)}`}`;

function table(title, heads, rows) {
  return h('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': `${title}, scrollable`},
    h('table', {}, h('caption', {class: 'visually-hidden'}, title),
      h('thead', {}, h('tr', {}, heads.map((head) => h('th', {scope: 'col'}, head)))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell) => h('td', {}, cell)))))));
}

// Shows a reply in an element, which stays as it is while the reply is the same: what has the focus keeps it.
function shower(element, nodesOf) {
  let shown = null;
  return (reply) => {
    const text = JSON.stringify(reply);
    if (text === shown) return;
    shown = text;
    element.replaceChildren(...nodesOf(reply));
  };
}

/* ---- what can be done ---- */

const operatorField = () => ({name: 'operatorName', label: 'Your name, for the record', value: sessionStorage.getItem(NAME)});

// What became of a retry: its dead letters that could not be handled again are shown by the page.
function outcome({keys, freedKeys, pendingKeys, refusedKeys}) {
  const parts = [`${formatNumber(keys)} keys retried`, `${formatNumber(freedKeys)} go on`];
  if (Number(pendingKeys) > 0) parts.push(`${formatNumber(pendingKeys)} are still at it`);
  if (Number(refusedKeys) > 0) parts.push(`${formatNumber(refusedKeys)} are still held`);
  return parts.join(', ');
}

function act(service, method, bodyOf, said) {
  return async (values) => {
    sessionStorage.setItem(NAME, values.operatorName);
    return said(await change(service, method, {...bodyOf(values), operatorName: values.operatorName}));
  };
}

const retryKey = (service, key) => makeForm({
  title: 'Retry', fields: [operatorField()],
  send: act(service, 'RetryDeadLetters', () => ({key}), outcome),
});

// `first()` returns the id of the key's first dead letter.
const skipFirst = (service, key, first) => makeForm({
  title: 'Skip the first', danger: true,
  fields: [{name: 'reason', label: 'Why it is given up'}, operatorField()],
  send: act(service, 'SkipDeadLetter', ({reason}) => ({key, id: first(), reason}), ({skipped}) => `${skipped.id} is given up`),
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
  send: act(service, 'RetryDeadLetters', ({fingerprint}) => (fingerprint === ALL ? {all: true} : {fingerprint}), outcome),
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

// Fills `page`; returns how to read anew what it shows.
async function showPart(page, service, key) {
  try {
    return await (key === undefined ? showService(page, service) : showKey(page, service, key));
  } catch (error) {
    if (error.status !== 'UNIMPLEMENTED') throw error;
    page.append(h('p', {}, `${label(service)} reads no events, so it has none.`));
    return async () => {};
  }
}

export async function showDeadLetters(page, [given, key]) {
  const service = given ?? (await chooseService());
  const tabs = h('nav', {class: 'tabs', 'aria-label': 'Services'});
  const body = h('div');
  const said = h('p', {class: 'error', role: 'status'});
  const showCounts = shower(tabs, (counts) => counts.map(([name, count]) =>
    h('a', {href: place(name), 'aria-current': name === service ? 'page' : null},
      count === 0 ? name : `${name} (${count < 0 ? 'over 1,000' : formatNumber(count)})`)));
  const showTabs = () => showCounts(feed.readers.map((reader) => [reader.service, Number(reader.deadLetters)]));
  showTabs();
  page.append(h('h1', {}, `Dead letters of ${service}`), tabs, said, body);
  const refresh = await showPart(body, service, key);
  const keepFresh = () => refresh().then(() => setText(said, ''), (error) => setText(said, error.message));
  page.addEventListener('changed', keepFresh);
  const timer = setInterval(() => document.hidden || keepFresh(), REFRESH_MS);
  const endFeed = subscribe(showTabs);
  return () => {
    clearInterval(timer);
    endFeed();
  };
}
