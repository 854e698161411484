// SPDX-License-Identifier: Apache-2.0
// A view that has a page for each service: tabs that lead to them, and a page that is read anew while it is shown.
import {h, setText} from './dom.js';

const REFRESH_MS = 2000;

export function table(title, heads, rows) {
  return h('div', {class: 'wide', tabindex: '0', role: 'region', 'aria-label': `${title}, scrollable`},
    h('table', {}, h('caption', {class: 'visually-hidden'}, title),
      h('thead', {}, h('tr', {}, heads.map((head) => h('th', {scope: 'col'}, head)))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell) => h('td', {}, cell)))))));
}

// Shows a reply in an element, which stays as it is while the reply is the same: what has the focus keeps it.
export function shower(element, nodesOf) {
  let shown = null;
  return (reply) => {
    const text = JSON.stringify(reply);
    if (text === shown) return;
    shown = text;
    element.replaceChildren(...nodesOf(reply));
  };
}

// `fill(body, service)` fills the part below the tabs and returns how to read anew what it shows; where the service does
// not serve that, it says `lacking`. Returns {showTabs, end}: showTabs takes [[service, text]].
export async function showServicePage(page, {title, name, service, lacking, fill}) {
  const tabs = h('nav', {class: 'tabs', 'aria-label': 'Services'});
  const body = h('div', {class: 'service-page'});
  const said = h('p', {class: 'error', role: 'status'});
  const showTabs = shower(tabs, (services) => services.map(([one, text]) =>
    h('a', {href: `#/${name}/${one}`, 'aria-current': one === service ? 'page' : null}, text)));
  page.append(h('h1', {}, title), tabs, said, body);
  const refresh = await fill(body, service).catch((error) => {
    if (error.status !== 'UNIMPLEMENTED') throw error;
    body.append(h('p', {}, lacking));
    return async () => {};
  });
  const keepFresh = () => refresh().then(() => setText(said, ''), (error) => setText(said, error.message));
  page.addEventListener('changed', keepFresh);
  const timer = setInterval(() => document.hidden || keepFresh(), REFRESH_MS);
  return {showTabs, end: () => clearInterval(timer)};
}
