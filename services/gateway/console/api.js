// SPDX-License-Identifier: Apache-2.0
// The shop's resources over HTTP (docs/gateway.md): JSON, errors with what is wrong at which field, idempotency keys,
// and the token, where the gateway asks for one.
import {askForToken, token} from './token.js';

const TIMEOUT_MS = 10000;

// An error that the shop has answered with, in the form of its resources, or that there was no answer.
export class ApiError extends Error {
  constructor(httpCode, error) {
    super(error.message || 'There is no answer.');
    this.httpCode = httpCode; // 0: no answer
    this.status = error.status ?? 'UNAVAILABLE';
    const details = error.details ?? [];
    const info = details.find((detail) => detail['@type']?.endsWith('/google.rpc.ErrorInfo'));
    this.reason = info?.reason ?? '';
    // [{field: 'customer.email', description}]
    this.violations = details.flatMap((detail) => detail.fieldViolations ?? []);
  }
}

// A UUID by which a command that is sent again is the same command. (crypto.randomUUID needs HTTPS or localhost.)
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function urlOf(path, query) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) {
      if (one !== '' && one !== null && one !== undefined) search.append(name, one);
    }
  }
  return search.size > 0 ? `${path}?${search}` : path;
}

async function send(method, url, {body, key, version, after, accept = 'application/json', signal}) {
  const headers = {Accept: accept};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  if (version) headers['If-Match'] = `"${version}"`;
  if (after) headers['ordershop-after'] = after;
  if (token()) headers.Authorization = `Bearer ${token()}`;
  const text = body === undefined ? undefined : JSON.stringify(body);
  try {
    return await fetch(url, {method, headers, body: text, cache: 'no-store', signal: signal ?? AbortSignal.timeout(TIMEOUT_MS)});
  } catch {
    throw new ApiError(0, {message: 'The gateway does not answer.', status: 'UNAVAILABLE'});
  }
}

// Connect's form of an error in that of the resources.
function errorOfConnect({code, message, details = []}) {
  return {message, status: code?.toUpperCase(), details: details.map(({type, debug}) => ({'@type': `/${type}`, ...debug}))};
}

// Asks for the token where one is needed. Throws ApiError if the answer is an error.
async function exchange(method, url, options) {
  const asks = options.reads ? 'GET' : method;
  let response = await send(method, url, options);
  while (response.status === 401 && (await askForToken(asks))) response = await send(method, url, options);
  if (response.ok) return response;
  const json = await response.json().catch(() => ({}));
  throw new ApiError(response.status, json.error ?? errorOfConnect(json));
}

// Options: query, body, key (of a command), version (a change only of this one), after (a position that must be seen).
// Returns {value, position}. Throws ApiError.
export async function request(method, path, options = {}) {
  const response = await exchange(method, urlOf(path, options.query ?? {}), options);
  const value = await response.json().catch(() => ({}));
  return {value, position: response.headers.get('ordershop-position')};
}

// Returns a response whose body goes on until `signal` aborts it. Throws ApiError.
export const openStream = (path, query, signal) => exchange('GET', urlOf(path, query), {accept: 'text/event-stream', signal});

// Calls a method that every service serves (docs/gateway.md), of one service. Option: reads, of a method that changes
// nothing. Returns the reply. Throws ApiError.
export async function callService(service, method, body, {reads = false} = {}) {
  const response = await exchange('POST', `/services/${encodeURIComponent(service)}/ordershop.v1.${method}`, {body, reads});
  return response.json();
}

export const get = async (path, query, after) => (await request('GET', path, {query, after})).value;
