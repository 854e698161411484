// SPDX-License-Identifier: Apache-2.0
// Elements, made by calls. Text is always text: nothing here parses HTML.

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// h('a', {href: '#/events', onclick: follow}, 'Events'): attributes; listeners are functions named `on...`.
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same for SVG.
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

// Sets an element's text, but touches the page only if it changes.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
