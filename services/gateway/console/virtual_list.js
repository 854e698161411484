// SPDX-License-Identifier: Apache-2.0
// A table of any number of rows of which only those in sight are in the page. The newest, which is the last of `items`,
// is at the top. Rows stay where they are while somebody reads further down, or has the focus in one.
import {h} from './dom.js';

const BEYOND = 4; // rows above and below those in sight

export class VirtualList {
  // `renderRow(row, item)` fills a row, an element that is used again and again; `choose(item)` is called when a row is
  // clicked, or a button in it pressed, but for links; `name` is for screen readers.
  constructor({name, rowHeight, columns, renderRow, choose}) {
    this.rowHeight = rowHeight;
    this.renderRow = renderRow;
    this.items = [];
    this.rows = [];
    this.body = h('div', {role: 'rowgroup', class: 'virtual-body', onclick: ({target}) => {
      const row = this.rows.find((one) => one.contains(target));
      if (row && !target.closest('a')) choose(row.item);
    }});
    this.head = h('div', {role: 'row', class: 'virtual-head'}, columns.map((column) => h('span', {role: 'columnheader'}, column)));
    this.table = h('div', {role: 'table', 'aria-label': name, class: 'virtual-table'},
      h('div', {role: 'rowgroup'}, this.head), this.body);
    this.element = h('div', {class: 'virtual-list', tabindex: '0', role: 'region', 'aria-label': `${name}, scrollable`,
      onscroll: () => this.schedule()}, this.table);
  }

  // Has the focus been moved into a row? Then it must not slip away to another one.
  get isHeld() {
    return this.body.contains(document.activeElement);
  }

  // The new items; `added` of them at the end were not there before.
  setItems(items, added = 0) {
    this.items = items;
    if (this.element.scrollTop > 0 && added > 0) this.element.scrollTop += added * this.rowHeight;
    this.schedule();
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const {rowHeight, items} = this;
    const first = Math.max(0, Math.floor(this.element.scrollTop / rowHeight) - BEYOND);
    const inSight = Math.ceil((this.element.clientHeight || 400) / rowHeight) + 2 * BEYOND;
    const count = Math.max(0, Math.min(inSight, items.length - first));
    this.body.style.height = `${items.length * rowHeight}px`;
    this.table.setAttribute('aria-rowcount', items.length + 1);
    while (this.rows.length < count) this.rows.push(this.body.appendChild(h('div', {role: 'row', class: 'virtual-row'})));
    while (this.rows.length > count) this.rows.pop().remove();
    this.rows.forEach((row, i) => this.drawRow(row, first + i));
  }

  drawRow(row, index) {
    const item = this.items[this.items.length - 1 - index];
    row.style.transform = `translateY(${index * this.rowHeight}px)`;
    row.setAttribute('aria-rowindex', index + 2);
    if (row.item === item) return;
    row.item = item;
    row.replaceChildren();
    this.renderRow(row, item);
  }
}
