// SPDX-License-Identifier: Apache-2.0
// How values are written for people.

const money = new Intl.NumberFormat('en', {style: 'currency', currency: 'EUR'});
const number = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false});
const day = new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'medium', hour12: false});

export const formatMoney = (cents) => money.format(Number(cents) / 100);
export const formatNumber = (value) => number.format(Number(value));
export const formatClock = (time) => clock.format(new Date(time));

// "1.5s" of a JSON duration, as seconds.
export const secondsOf = (duration) => Number.parseFloat(duration ?? '0') || 0;

// 3.25 -> "3.3/s", 42.4 -> "42/s"
export const formatRate = (rate) => `${rate > 0 && rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`;

// 0.0042 -> "5 ms", 1.24 -> "1.2 s"
export const formatDuration = (seconds) => (seconds < 1 ? `${Math.ceil(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);

// 75 -> "1 min 15 s"
export function formatSeconds(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

// "customerId" and "customer_id" -> "Customer id", "totalCents" -> "Total"
export function label(name) {
  const words = name.replace(/_?[Cc]ents$/, '').replaceAll('_', ' ').replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const shortId = (id) => (id.length > 13 ? `${id.slice(0, 8)}…` : id);

export const isEmpty = (value) => value === undefined || value === null || value === '' || value.length === 0;

// The value of a field, as a text; a field's name tells what its value is.
export function formatField(name, value) {
  if (isEmpty(value)) return '–';
  if (/Cents$/.test(name)) return formatMoney(value);
  if (/Time$|^time$/.test(name)) return day.format(new Date(value));
  if (Array.isArray(value)) return value.map((item) => formatField(name, item)).join(', ');
  if (typeof value === 'object') {
    return Object.entries(value).map(([key, part]) => `${label(key)}: ${formatField(key, part)}`).join('; ');
  }
  // Of an enum's value only what tells it from the others: MAIL_STATUS_SENT -> SENT
  const prefix = `${name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}_`;
  const text = String(value);
  const at = /^[A-Z][A-Z_]+$/.test(text) ? text.indexOf(prefix) : -1;
  return at >= 0 ? text.slice(at + prefix.length) : text;
}
