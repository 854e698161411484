// SPDX-License-Identifier: Apache-2.0
// Archive: taking old events out of Redis into the event service's files, from which they are told as before. #/archive
import {h} from './dom.js';
import {explainNumber, makeForm} from './form.js';
import {formatNumber} from './format.js';
import {asOperator, operatorField} from './operator.js';
import {table} from './service_page.js';

const SECONDS_A_DAY = 86400;

const rowOfLog = (log) => [log.name || 'the shop’s', formatNumber(log.archivedEvents), formatNumber(log.trimmedEvents),
  log.archivedTo, log.heldBackBy ? `${log.heldBackBy}, from ${log.limit} on` : '–'];

// A file holds a day at most, so there are several calls; the sums are of all of them.
async function archiveAll(archivePart) {
  const sums = new Map();
  for (let more = true; more;) {
    const part = await archivePart();
    for (const log of part.logs) {
      const before = sums.get(log.name) ?? {archivedEvents: 0, trimmedEvents: 0};
      sums.set(log.name, {...log, archivedEvents: Number(log.archivedEvents) + before.archivedEvents,
        trimmedEvents: Number(log.trimmedEvents) + before.trimmedEvents});
    }
    ({more} = part);
  }
  return [...sums.values()];
}

// What is no number is left to the shop to refuse.
const ageOf = (days) => (/^\s*\d+\s*$/.test(days) ? `${Number(days) * SECONDS_A_DAY}s` : days);

const archivePartOf = asOperator('event', 'ArchiveService/ArchiveEvents', ({olderThan, reason}) => ({olderThan: ageOf(olderThan), reason}), (part) => part);

const archiveForm = () => makeForm({
  title: 'Archive old events', button: 'Archive',
  fields: [{name: 'olderThan', label: 'Older than so many days', inputmode: 'numeric', explain: explainNumber, value: '30'},
    {name: 'reason', label: 'Why'}, operatorField()],
  send: async (values) => {
    const logs = await archiveAll(() => archivePartOf(values));
    return table('What was archived', ['Log', 'Events archived', 'Taken out of Redis', 'Archived up to', 'Held back by'], logs.map(rowOfLog));
  },
});

export function showArchive(page) {
  page.append(h('h1', {}, 'Archive'),
    h('p', {class: 'lead'}, 'Events that every service has dealt with can leave Redis for files of the event service, which goes on telling them.'),
    h('div', {class: 'commands'}, archiveForm()));
}
