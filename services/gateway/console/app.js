// SPDX-License-Identifier: Apache-2.0
// The console: the view that the address' fragment names (`#/entity/order/<id>`), one at a time, in <main>.
import {showAct} from './act.js';
import {showArchive} from './archive.js';
import {showCause} from './cause_view.js';
import {showDeadLetters} from './dead_letters.js';
import {h, setText} from './dom.js';
import {showEntity} from './entity.js';
import {feed, startFeed, subscribe} from './events.js';
import {showEvents} from './events_view.js';
import {showLogs} from './logs.js';
import {showOverview} from './overview.js';
import {showState} from './state.js';
import {showViews} from './views.js';

// A view fills an element, which is in the page, and may return a function that ends it.
const views = {
  overview: showOverview,
  events: showEvents,
  state: showState,
  entity: showEntity,
  cause: showCause,
  act: showAct,
  'dead-letters': showDeadLetters,
  logs: showLogs,
  views: showViews,
  archive: showArchive,
};
const partOf = {entity: 'state', cause: 'events'};

const main = document.getElementById('main');
let end = null;
let shown = 0;

// "#/events?text=x" -> {name: 'events', parts: [], query}
function route() {
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...parts] = path.split('/').map(decodeURIComponent);
  return {name: views[name] ? name : 'overview', parts: parts.filter(Boolean), query: new URLSearchParams(search ?? '')};
}

function markNavigation(name) {
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#/${partOf[name] ?? name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

async function show(event) {
  const turn = ++shown;
  const {name, parts, query} = route();
  end?.();
  end = null;
  markNavigation(name);
  const page = h('div', {class: `view ${name}`});
  main.replaceChildren(page);
  let ending = null;
  try {
    ending = await views[name](page, parts, query);
  } catch (error) {
    page.append(h('h1', {}, 'This can’t be shown'), h('p', {role: 'alert', class: 'error'}, error.message),
      h('p', {}, h('a', {href: '#/overview'}, 'Overview'), ' · ', h('a', {href: '#/state'}, 'State')));
  }
  if (turn !== shown) {
    ending?.();
    return;
  }
  end = ending;
  document.title = `${page.querySelector('h1')?.textContent ?? 'Console'} – OrderShop`;
  if (event) main.focus({preventScroll: true}); // where a reader goes on after it has followed a link
}

function showConnection() {
  const element = document.getElementById('connection');
  element.classList.toggle('away', feed.failure !== null);
  setText(element, feed.failure === null ? 'Live' : `Events can’t be read: ${feed.failure}`);
}

// The fragment is the route: the link must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
subscribe(showConnection);
addEventListener('hashchange', show);
show();
startFeed();
