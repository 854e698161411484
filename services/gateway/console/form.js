// SPDX-License-Identifier: Apache-2.0
// A form that is a command: it sends what was filled in, says what became of it, and shows errors at their fields. What
// is sent again after an error in between is the same command (its key); what was changed since is another one.
import {newKey} from './api.js';
import {h} from './dom.js';

let made = 0;

const MONEY = /^\s*(\d+)(?:[.,](\d{1,2}))?\s*$/;

// Cents of "12.34"; what is no amount of money is left to the shop to refuse.
export function centsOf(text) {
  const parts = MONEY.exec(text);
  return parts ? `${BigInt(parts[1]) * 100n + BigInt((parts[2] ?? '').padEnd(2, '0') || 0)}` : text.trim();
}

// How a refusal reads where what was filled in isn't even of the field's kind: the shop speaks of what it was sent.
export const explainMoney = (text, refusal) => (MONEY.test(text) ? refusal : 'must be an amount such as 12.34');
export const explainNumber = (text, refusal) => (/^\s*-?\d+\s*$/.test(text) ? refusal : 'must be a whole number');
const explainChoice = (value, refusal) => (value ? refusal : 'must be chosen');

// "order.product_ids[0]" -> "productIds"
function fieldNameOf(path) {
  const last = path.replace(/\[[^\]]*\]/g, '').split('.').pop();
  return last.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
}

// A selection of `options`, [[value, text]]. An event `reload` has it ask for them anew.
export function makeSelect({options, reload, value, ...attributes}) {
  const select = h('select', attributes);
  const fill = (choices, chosen) =>
    select.replaceChildren(h('option', {value: ''}, 'choose …'),
      ...choices.map(([one, text]) => h('option', {value: one, selected: one === chosen}, text)));
  select.addEventListener('reload', () => reload().then((choices) => fill(choices, select.value), () => {}));
  fill(options, value);
  return select;
}

function inputOf(field, id) {
  if (field.element) return field.element;
  if (!field.options) return h('input', {id, name: field.name, type: field.type ?? 'text', inputmode: field.inputmode, value: field.value ?? ''});
  return makeSelect({id, name: field.name, options: field.options, reload: field.reload, value: field.value});
}

// A field: {name, label, and either `type`, `inputmode` and `value` of an input, `options` and `reload` of a selection,
// or `element` with its `read`}; `explain(value, refusal)` may put a refusal in other words.
function makeField(field) {
  const id = `field-${++made}`;
  const input = inputOf(field, id);
  const error = h('p', {class: 'error', id: `${id}-error`, hidden: true});
  const caption = field.element ? h('span', {id: `${id}-label`}, field.label) : h('label', {for: id}, field.label);
  if (field.element) input.setAttribute('aria-labelledby', `${id}-label`);
  const say = (text) => {
    error.textContent = text;
    error.hidden = !text;
    if (text) {
      input.setAttribute('aria-describedby', error.id);
      if (!field.element) input.setAttribute('aria-invalid', 'true');
    } else {
      input.removeAttribute('aria-describedby');
      input.removeAttribute('aria-invalid');
    }
  };
  const explain = field.explain ?? (field.options ? explainChoice : (_, refusal) => refusal);
  const focusable = () => (input.matches('input, select') ? input : input.querySelector('input, select'));
  return {name: field.name, say, refuse: (refusal) => say(explain(input.value, refusal)), focus: () => focusable()?.focus(), read: field.read ?? (() => input.value),
    element: h('div', {class: 'field', 'data-field': field.name}, caption, input, error)};
}

// `send(values, key)` carries the command out and returns what to say of it: a text, or nodes. Then the form sends an
// event `changed`, for what around it shows the shop.
export function makeForm({title, fields, button, danger, send}) {
  const parts = fields.map(makeField);
  const said = h('div', {role: 'status', class: 'said'});
  const failure = h('p', {role: 'alert', class: 'error'});
  const submit = h('button', {type: 'submit', class: danger ? 'danger' : null}, button ?? title);
  let key = newKey();
  let sent = null;

  const values = () => Object.fromEntries(parts.map((part) => [part.name, part.read()]));
  const clear = () => {
    for (const part of parts) part.say('');
    failure.textContent = '';
    said.replaceChildren();
  };
  const explain = (error) => {
    const elsewhere = [];
    for (const {field, description} of error.violations ?? []) {
      const part = parts.find((one) => one.name === fieldNameOf(field));
      if (part) part.refuse(description);
      else elsewhere.push(`${field} ${description}`);
    }
    const atFields = error.violations?.length > 0 && elsewhere.length === 0;
    failure.textContent = atFields ? 'Nothing was changed: see the fields.' : [error.message, ...elsewhere].join('; ');
    const names = (error.violations ?? []).map(({field}) => fieldNameOf(field));
    parts.find((part) => names.includes(part.name))?.focus();
  };
  const act = async (event) => {
    event.preventDefault();
    const given = values();
    const text = JSON.stringify(given);
    if (sent !== null && sent !== text) key = newKey();
    sent = text;
    clear();
    submit.disabled = true;
    try {
      said.replaceChildren(...[await send(given, key)].flat());
      key = newKey();
      sent = null;
      form.dispatchEvent(new Event('changed', {bubbles: true}));
    } catch (error) {
      explain(error);
    } finally {
      submit.disabled = false;
    }
  };
  const form = h('form', {class: 'command', novalidate: true, onsubmit: act, 'aria-label': title}, h('h2', {}, title),
    parts.map((part) => part.element), failure, h('p', {class: 'buttons'}, submit), said);
  return form;
}
