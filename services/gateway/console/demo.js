// SPDX-License-Identifier: Apache-2.0
// The demo: a short story of the shop, told as it happens.
import {newKey, request} from './api.js';
import {h} from './dom.js';
import {formatMoney} from './format.js';

const names = ['Ada', 'Grace', 'Alan', 'Barbara', 'Edsger', 'Margaret', 'Niklaus', 'Hedy'];
const surnames = ['Hopper', 'Liskov', 'Turing', 'Hamilton', 'Dijkstra', 'Lamarr', 'Lovelace', 'Wirth'];
const materials = ['Copper', 'Cedar', 'Felt', 'Slate', 'Cork', 'Bamboo'];
const things = ['kettle', 'clock', 'cup', 'shelf', 'basket', 'desk'];

const oneOf = (list) => list[Math.floor(Math.random() * list.length)];
const command = async (method, path, body) => (await request(method, path, {body, key: newKey()})).value;

async function customer() {
  const name = `${oneOf(names)} ${oneOf(surnames)}`;
  const email = `demo.${newKey().slice(0, 8)}@example.com`;
  return command('POST', '/v1/customers', {name, email});
}

async function productInStock() {
  const priceCents = String(500 + Math.floor(Math.random() * 9500));
  const product = await command('POST', '/v1/products', {name: `${oneOf(materials)} ${oneOf(things)}`, priceCents});
  await command('POST', '/v1/inventories', {productId: product.id, amount: '100'});
  return product;
}

const inOrder = async (count, make) => {
  const all = [];
  while (all.length < count) all.push(await make(all.length));
  return all;
};

// `tell(text)` is called for each step. Throws ApiError.
export async function playDemo(tell) {
  const people = await inOrder(4, customer);
  tell(`Customers: ${people.map((one) => one.name).join(', ')}`);
  const goods = await inOrder(4, productInStock);
  tell(`Products, 100 in stock of each: ${goods.map((one) => `${one.name} ${formatMoney(one.priceCents)}`).join(', ')}`);
  const orders = await inOrder(4, (i) =>
    command('POST', '/v1/orders', {customerId: people[i].id, productIds: goods.slice(0, i + 1).map((one) => one.id)}));
  tell(`Each orders something: ${orders.map((one) => formatMoney(one.totalCents)).join(', ')}`);
  const changed = await command('PATCH', `/v1/orders/${orders[1].id}`, {productIds: [goods[3].id, goods[3].id]});
  tell(`${people[1].name} changes their mind: ${formatMoney(changed.totalCents)}`);
  await command('DELETE', `/v1/orders/${orders[2].id}`);
  tell(`${people[2].name} cancels`);
  await command('POST', '/v1/billings', {orderId: orders[0].id});
  tell(`${people[0].name} pays`);
}

// A button that plays it, and what it tells. It sends an event `changed` at its end.
export function makeDemo() {
  const told = h('ol', {class: 'story', 'aria-live': 'polite'});
  const button = h('button', {type: 'button', onclick: async () => {
    button.disabled = true;
    told.replaceChildren();
    try {
      await playDemo((text) => told.append(h('li', {}, text)));
    } catch (error) {
      told.append(h('li', {class: 'error'}, error.message));
    }
    button.disabled = false;
    button.dispatchEvent(new Event('changed', {bubbles: true}));
  }}, 'Play the demo');
  return h('section', {class: 'command', 'aria-label': 'Play the demo'}, h('h2', {}, 'Play the demo'),
    h('p', {}, 'Customers and products come; there are orders, one is changed, one cancelled, one paid.'), button, told);
}
