// SPDX-License-Identifier: Apache-2.0
// A client that knows the gateway by its document alone: openapi-client-axios makes the requests of its operations, and ajv
// compares each answer with the schema that the document has for it. Run by gateway_openapi.sh.
import assert from "node:assert/strict";
import axios from "axios";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { OpenAPIClientAxios } from "openapi-client-axios";

const [url] = process.argv.slice(2);
const definition = (await axios.get(`${url}/openapi.json`)).data;
const api = new OpenAPIClientAxios({
  definition,
  // without indexes, lists in the query are as OpenAPI has them: ids=1&ids=2
  axiosConfigDefaults: { baseURL: url, validateStatus: () => true, paramsSerializer: { indexes: null } },
});
const client = await api.init();

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);
ajv.addSchema(definition, "document");

function schemaOf(operation, code) {
  let place = `${operation.path.replaceAll("~", "~0").replaceAll("/", "~1")}/${operation.method}/responses`;
  const responses = definition.paths[operation.path][operation.method].responses;
  const key = responses[code] ? code : "default";
  const response = responses[key];
  return response.$ref ? `document${response.$ref}/content/application~1json/schema`
    : `document#/paths/${encodeURI(place)}/${key}/content/application~1json/schema`;
}

// The answer of an operation, which is as the document says.
async function call(id, code, parameters = {}, body = undefined, headers = {}) {
  const operation = api.getOperation(id);
  const answer = await client[id](parameters, body, { headers });
  assert.equal(answer.status, code, `${id}: ${JSON.stringify(answer.data)}`);
  const validate = ajv.getSchema(schemaOf(operation, answer.status));
  assert.ok(validate, `${id}: the document has no schema of ${answer.status}`);
  assert.ok(validate(answer.data), `${id}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(answer.data)}`);
  return answer;
}

const customer = (await call("CreateCustomer", 200, {}, { name: "Grüße, 世界", email: "ada@example.com" })).data;
const read = await call("GetCustomer", 200, { id: customer.id });
assert.deepEqual(read.data, customer);
assert.equal(read.headers.etag, '"1"');
const changed = (await call("UpdateCustomer", 200, { id: customer.id }, { name: "Ada" }, { "If-Match": '"1"' })).data;
assert.deepEqual([changed.name, changed.email, changed.version], ["Ada", "ada@example.com", "2"]);
await call("UpdateCustomer", 412, { id: customer.id }, { name: "Eve" }, { "If-Match": '"1"' });

const product = await call("CreateProduct", 200, {}, { name: "Lamp", price_cents: 1250 });
const after = { "ordershop-after": product.headers["ordershop-position"] };
await call("CreateInventory", 200, {}, { product_id: product.data.id, amount: "3" }, after);
await call("AdjustStock", 200, { product_id: product.data.id }, { delta: "2" });
const order = (await call("CreateOrder", 200, {}, { customer_id: customer.id, product_ids: [product.data.id] })).data;
assert.deepEqual((await call("GetOrder", 200, { id: order.id })).data, order);
const page = (await call("ListCustomers", 200, { page_size: 1 })).data;
assert.equal(page.customers.length, 1);
await call("BatchGetProducts", 200, { ids: [product.data.id, product.data.id] });

await call("GetCustomer", 404, { id: "76131f90-36f5-4ce4-8516-0685a3dccc54" });
await call("CreateCustomer", 400, {}, { name: " ", email: "x" });
await call("DeleteCustomer", 200, { id: customer.id });
await call("GetCustomer", 404, { id: customer.id });

// Whatever else can be read without knowing anything: an answer, or an error, as the document says.
let answered = 0;
for (const operation of api.getOperations()) {
  if (operation.method !== "get" || operation.path.includes("{")) continue;
  const answer = await client[operation.operationId]();
  await call(operation.operationId, answer.status);
  assert.ok([200, 400].includes(answer.status), operation.operationId);
  if (answer.status === 200) answered++;
}
assert.ok(answered >= 8, `only ${answered} answered`);
