// SPDX-License-Identifier: Apache-2.0
// Act: the shop's commands as forms. Each is one request; what it leads to is to be seen in the other views.
import {get, request} from './api.js';
import {makeDemo} from './demo.js';
import {h} from './dom.js';
import {centsOf, explainMoney, explainNumber, makeForm, makeSelect} from './form.js';
import {formatMoney, shortId} from './format.js';

const CHOICES = 1000; // in a selection; the most that a page has

const linkTo = (type, id) => h('a', {href: `#/entity/${type}/${id}`}, `${type} ${shortId(id)}`);
const done = (what, type, id) => [`${what}: `, linkTo(type, id), ' · ', h('a', {href: `#/cause/${type}/${id}`}, 'what it led to')];

async function choicesOf(path, key, text) {
  const page = await get(path, {page_size: CHOICES});
  const choices = (page[key] ?? []).map((item) => [item.id, text(item)]);
  return page.nextPageToken ? [...choices, ['', `(only the first ${choices.length} are here)`]] : choices;
}

const customers = () => choicesOf('/v1/customers', 'customers', (customer) => `${customer.name} <${customer.email}>`);
const products = () => choicesOf('/v1/products', 'products', (product) => `${product.name}, ${formatMoney(product.priceCents)}`);
const unbilled = () => choicesOf('/v1/orders:listUnbilled', 'orders', (order) => `${shortId(order.id)}, ${formatMoney(order.totalCents)}`);

const create = async (type, path, body, key) => {
  const {value} = await request('POST', path, {body, key});
  return done('It is there', type, value.id);
};

/* ---- customers and products ---- */

const customerFields = (customer = {}) => [
  {name: 'name', label: 'Name', value: customer.name},
  {name: 'email', label: 'E-mail', inputmode: 'email', value: customer.email},
];

const productFields = (product = {}) => [
  {name: 'name', label: 'Name', value: product.name},
  {name: 'priceCents', label: 'Price in euros', inputmode: 'decimal', explain: explainMoney, value: product.priceCents ? (Number(product.priceCents) / 100).toFixed(2) : ''},
];
const productOf = (values) => ({name: values.name, priceCents: centsOf(values.priceCents)});

const newCustomer = () => makeForm({
  title: 'Create a customer', fields: customerFields(),
  send: (values, key) => create('customer', '/v1/customers', values, key),
});

const newProduct = () => makeForm({
  title: 'Create a product', fields: productFields(),
  send: (values, key) => create('product', '/v1/products', productOf(values), key),
});

// Changes the version that was read, and no other.
function editor(type, path, fieldsOf, bodyOf) {
  return async (id) => {
    let entity = await get(`${path}/${id}`);
    return makeForm({
      title: `Edit ${type} ${entity.name}`, button: 'Save', fields: fieldsOf(entity),
      send: async (values, key) => {
        entity = (await request('PATCH', `${path}/${id}`, {body: bodyOf(values), key, version: entity.version})).value;
        return done('It is changed', type, id);
      },
    });
  };
}

/* ---- stock ---- */

const chooseProduct = async () => ({name: 'productId', label: 'Product', options: await products(), reload: products});

const newStock = async () => makeForm({
  title: 'Take a product into stock',
  fields: [await chooseProduct(), {name: 'amount', label: 'Amount', inputmode: 'numeric', explain: explainNumber}],
  send: (values, key) => create('inventory', '/v1/inventories', values, key),
});

const adjustStock = async () => makeForm({
  title: 'Adjust a stock',
  fields: [await chooseProduct(), {name: 'delta', label: 'Add (or take away: -3)', inputmode: 'numeric', explain: explainNumber}],
  send: async ({productId, delta}, key) => {
    const {value} = await request('POST', `/v1/products/${encodeURIComponent(productId || '-')}/stock:adjust`, {body: {delta}, key});
    return done(`There are ${value.amount} now`, 'inventory', value.id);
  },
});

/* ---- orders ---- */

const MOST_OF_A_PRODUCT = 100;

// Lines of a product and how many of it; what is read is each product's id as often as it is ordered.
async function orderLines(chosen = []) {
  let offered = await products();
  const reload = async () => (offered = await products());
  const lines = [];
  const makeLine = (id, count) => {
    const select = makeSelect({'aria-label': 'Product', options: offered, reload, value: id});
    const input = h('input', {type: 'number', 'aria-label': 'How many', min: 0, max: MOST_OF_A_PRODUCT, value: count});
    lines.push({select, input});
    return h('div', {class: 'line'}, select, input);
  };
  const another = h('button', {type: 'button', onclick: () => another.before(makeLine('', 1))}, 'Another product');
  const first = [...new Set(chosen)].map((id) => makeLine(id, chosen.filter((one) => one === id).length));
  const countOf = (input) => Math.min(MOST_OF_A_PRODUCT, Math.max(0, Math.trunc(Number(input.value) || 0)));
  return {
    name: 'productIds', label: 'Products',
    element: h('div', {role: 'group', class: 'lines'}, first.length > 0 ? first : makeLine('', 1), another),
    read: () => lines.filter(({select}) => select.value).flatMap(({select, input}) => Array(countOf(input)).fill(select.value)),
  };
}

const newOrder = async () => makeForm({
  title: 'Place an order',
  fields: [{name: 'customerId', label: 'Customer', options: await customers(), reload: customers}, await orderLines()],
  send: (values, key) => create('order', '/v1/orders', values, key),
});

async function changeOrder(id) {
  let order = await get(`/v1/orders/${id}`);
  return makeForm({
    title: `Change order ${shortId(id)}`, button: 'Save', fields: [await orderLines(order.productIds)],
    send: async (values, key) => {
      order = (await request('PATCH', `/v1/orders/${id}`, {body: values, key, version: order.version})).value;
      return done(`It is ${formatMoney(order.totalCents)} now`, 'order', id);
    },
  });
}

const chooseOrder = async (id) => ({name: 'orderId', label: 'Order', value: id, options: await unbilled(), reload: unbilled});

const payOrder = async (id) => makeForm({
  title: 'Pay an order', fields: [await chooseOrder(id)],
  send: (values, key) => create('billing', '/v1/billings', values, key),
});

const cancelOrder = async (id) => makeForm({
  title: 'Cancel an order', danger: true, fields: [await chooseOrder(id)],
  send: async ({orderId}, key) => {
    await request('DELETE', `/v1/orders/${encodeURIComponent(orderId || '-')}`, {key});
    return done('It is cancelled', 'order', orderId);
  },
});

/* ---- the view ---- */

const editors = {
  'edit-customer': {type: 'customer', title: 'Edit', make: editor('customer', '/v1/customers', customerFields, (values) => values)},
  'edit-product': {type: 'product', title: 'Edit', make: editor('product', '/v1/products', productFields, productOf)},
  'change-order': {type: 'order', title: 'Change', make: changeOrder},
  'pay-order': {type: 'order', title: 'Pay', make: payOrder},
  'cancel-order': {type: 'order', title: 'Cancel', make: cancelOrder},
};

// What can be done with an entity of a kind: [{title, action}].
export const editable = (type) =>
  Object.entries(editors).filter(([, one]) => one.type === type).map(([action, {title}]) => ({title, action}));

// What one form changes is there to be chosen in the others.
function reloadChoices({currentTarget}) {
  for (const select of currentTarget.querySelectorAll('select')) select.dispatchEvent(new Event('reload'));
}

export async function showAct(page, [action], query) {
  const id = query.get('id');
  if (editors[action] && id) {
    page.append(h('h1', {}, editors[action].title), h('div', {class: 'commands'}, await editors[action].make(id)),
      h('p', {}, linkTo(editors[action].type, id)));
    return;
  }
  // A part of the shop that is away takes its own forms with it, not the others.
  const forms = [newCustomer, newProduct, newStock, adjustStock, newOrder, payOrder, cancelOrder];
  const made = await Promise.all(forms.map(async (make) => {
    try {
      return await make();
    } catch (error) {
      return h('p', {class: 'command error'}, error.message);
    }
  }));
  page.append(h('h1', {}, 'Act'), h('p', {class: 'lead'}, 'To edit a customer or product, or change an order, open it in ', h('a', {href: '#/state'}, 'State'), '.'),
    h('div', {class: 'commands', onchanged: reloadChoices}, makeDemo(), made));
}
