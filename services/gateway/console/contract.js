// SPDX-License-Identifier: Apache-2.0
// What kinds of entities there are, from /openapi.json: each resource that can be listed page by page. So the entities
// of a service of one's own are shown, too, and nothing here names a kind.
import {get} from './api.js';

let loading = null;

const schemaName = (reference) => reference?.$ref?.replace('#/components/schemas/', '');

// "CustomerProfile" -> "customer_profile": the kind's name in streams
const snake = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();

function kindOf(path, operation, schemas) {
  if (!operation?.operationId?.startsWith('List') || /[:{]/.test(path)) return null;
  const reply = schemas[schemaName(operation.responses['200'].content['application/json'].schema)];
  const [itemsKey, list] = Object.entries(reply?.properties ?? {}).find(([, schema]) => schema.type === 'array') ?? [];
  const itemSchema = schemaName(list?.items);
  if (!itemSchema || !reply.properties.nextPageToken) return null;
  return {
    type: snake(itemSchema.split('.').pop()),
    title: itemsKey.charAt(0).toUpperCase() + itemsKey.slice(1),
    service: operation.tags[0].replace(/Service$/, '').toLowerCase(),
    path,
    itemsKey,
    fields: Object.keys(schemas[itemSchema].properties),
    filters: operation.parameters.map((parameter) => parameter.name).filter((name) => !/^page_(size|token)$/.test(name)),
  };
}

async function load() {
  const [{paths, components}, status] = await Promise.all([get('/openapi.json'), get('/status')]);
  const place = (kind) => status.services.findIndex((service) => service.name === kind.service);
  return Object.entries(paths)
    .map(([path, item]) => kindOf(path, item.get, components.schemas))
    .filter(Boolean)
    .sort((a, b) => place(a) - place(b));
}

// All kinds, in the order of the services.
export function kinds() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

export const kindOfType = async (type) => (await kinds()).find((kind) => kind.type === type);

// The kind that a field refers to: customerId, product_ids -> customer, product; undefined if it refers to none.
export function referredType(field, known) {
  const name = /^(\w+?)_?(?:Ids?|_ids?)$/.exec(field)?.[1];
  return name && known.find((kind) => kind.type === snake(name))?.type;
}

// A page of entities: {items, next}.
export async function listPage(kind, query = {}) {
  const reply = await get(kind.path, query);
  return {items: reply[kind.itemsKey] ?? [], next: reply.nextPageToken ?? ''};
}
