// SPDX-License-Identifier: Apache-2.0
// `GET /events` (docs/gateway.md), read by fetch: a browser's EventSource can't send the token.
import {ApiError, openStream} from './api.js';

const SILENCE_MS = 30000; // three heartbeats of 10 s that did not come

// Splits a text that comes in pieces into its frames: {id, name, data}. Comments and empty frames are passed over.
async function* framesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    const frames = (rest + value).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const fields = {};
      for (const line of frame.split('\n')) {
        const colon = line.indexOf(': ');
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (fields.data !== undefined) yield {id: fields.id, name: fields.event ?? 'message', data: fields.data};
    }
  }
}

// Reads the stream behind the place `after`, and calls `take` with each frame. Returns when it ends or breaks off, also if
// nothing has come for too long, and when `signal` aborts it. Throws ApiError if there is no stream.
export async function readStream(after, signal, take) {
  const silent = new AbortController();
  const wait = () => setTimeout(() => silent.abort(), SILENCE_MS);
  let silence = wait();
  try {
    const response = await openStream('/events', {named: 'false', after}, AbortSignal.any([silent.signal, signal]));
    for await (const frame of framesOf(response.body)) {
      clearTimeout(silence);
      silence = wait();
      take(frame);
    }
  } catch (error) {
    if (error instanceof ApiError && !signal.aborted) throw error; // anything else is a stream that broke off
  } finally {
    clearTimeout(silence);
    silent.abort();
  }
}
