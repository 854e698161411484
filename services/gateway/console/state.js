// SPDX-License-Identifier: Apache-2.0
// State: the entities of a kind as a table, page by page. What its List method filters by is asked of it, for all pages;
// sorting and the filter by any text are of the page that is shown.
import {kinds, listPage, referredType} from './contract.js';
import {h, setText} from './dom.js';
import {formatField, isEmpty, label, shortId} from './format.js';

const PAGE_SIZE = 50;
const hidden = new Set(['createTime', 'body', 'items', 'cause']); // the entity's page has them

const isNumeric = (name) => /Cents$|^amount$|Amount$|^version$/.test(name);

// An id that names something elsewhere is as short as those with links.
function shorten(name, value) {
  return /Id$/.test(name) && !isEmpty(value) ? h('span', {title: value}, shortId(value)) : formatField(name, value);
}

function cell(kind, known, name, item) {
  const value = item[name];
  const type = name === 'id' ? kind.type : referredType(name, known);
  if (!type || isEmpty(value)) return h('td', {class: isNumeric(name) ? 'number' : null}, shorten(name, value));
  const ids = [value].flat();
  const links = ids.slice(0, 3).flatMap((id, i) => [i > 0 ? ', ' : '', h('a', {href: `#/entity/${type}/${encodeURIComponent(id)}`, title: id}, shortId(id))]);
  return h('td', {}, links, ids.length > 3 ? ` and ${ids.length - 3} more` : '');
}

function compare(name) {
  const isNumber = (value) => value !== '' && !Number.isNaN(Number(value));
  return (a, b) => {
    const [left, right] = [a[name] ?? '', b[name] ?? ''];
    if (isNumber(left) && isNumber(right)) return Number(left) - Number(right);
    return String(left).localeCompare(String(right));
  };
}

// A table of a page of a kind: its filters, its heads that sort, and its pages. `query` goes along with each page.
export async function entityTable(kind, known, query = {}) {
  const columns = kind.fields.filter((name) => !hidden.has(name));
  const before = []; // tokens of the pages before this one
  let page = await listPage(kind, {...query, page_size: PAGE_SIZE});
  let current = '';
  let sort = {name: null, down: false};

  const askAnew = () => {
    before.length = 0;
    turn('');
  };
  const asked = kind.filters.filter((name) => !(name in query)).map((name) => h('input', {type: 'search', name,
    'aria-label': `${label(name)} is`, placeholder: `${label(name)} is`, onchange: askAnew, onsearch: askAnew}));
  const wanted = () => ({...query, ...Object.fromEntries(asked.map((input) => [input.name, input.value.trim()]))});
  const search = h('input', {type: 'search', 'aria-label': `Filter this page of ${kind.title}`, placeholder: 'Filter this page', oninput: () => draw()});
  const heads = columns.map((name) => h('th', {scope: 'col', 'data-column': name, class: isNumeric(name) ? 'number' : null},
    h('button', {type: 'button', class: 'plain', onclick: () => sortBy(name)}, label(name))));
  const body = h('tbody');
  const said = h('p', {class: 'hint', role: 'status'});
  const previous = h('button', {type: 'button', onclick: () => turn(before.pop())}, 'Previous page');
  const next = h('button', {type: 'button', onclick: () => {
    before.push(current);
    turn(page.next);
  }}, 'Next page');

  const draw = () => {
    const needle = search.value.trim().toLowerCase();
    let items = page.items.filter((item) => JSON.stringify(item).toLowerCase().includes(needle));
    if (sort.name) items = items.toSorted(compare(sort.name));
    if (sort.down) items.reverse();
    body.replaceChildren(...items.map((item) => h('tr', {}, columns.map((name) => cell(kind, known, name, item)))));
    heads.forEach((head, i) => head.setAttribute('aria-sort', columns[i] !== sort.name ? 'none' : sort.down ? 'descending' : 'ascending'));
    setText(said, `Page ${before.length + 1}: ${items.length} of ${page.items.length}`);
    previous.disabled = before.length === 0;
    next.disabled = !page.next;
  };
  const sortBy = (name) => {
    sort = {name, down: sort.name === name && !sort.down};
    draw();
  };
  const turn = async (token) => {
    previous.disabled = next.disabled = true;
    try {
      page = await listPage(kind, {...wanted(), page_size: PAGE_SIZE, page_token: token});
      current = token;
      draw();
    } catch (error) {
      draw();
      setText(said, error.message);
    }
  };
  const reload = () => turn(current);

  draw();
  return h('div', {class: 'entities'},
    h('div', {class: 'bar'}, asked, search, h('button', {type: 'button', onclick: reload}, 'Reload'), previous, next, said),
    h('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': `${kind.title}, scrollable`},
      h('table', {}, h('caption', {class: 'visually-hidden'}, kind.title), h('thead', {}, h('tr', {}, heads)), body)));
}

export async function showState(page, parts) {
  const known = await kinds();
  const kind = known.find((one) => one.itemsKey === parts[0]) ?? known[0];
  const tabs = h('nav', {class: 'tabs', 'aria-label': 'Kinds'}, known.map((one) =>
    h('a', {href: `#/state/${one.itemsKey}`, 'aria-current': one === kind ? 'page' : null}, one.title)));
  page.append(h('h1', {}, kind.title), tabs, await entityTable(kind, known));
}
