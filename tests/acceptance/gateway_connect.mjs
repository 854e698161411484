// SPDX-License-Identifier: Apache-2.0
// Connect's own client for JavaScript against the gateway, in JSON and in protobuf. Run by gateway_connect.sh.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createClient, Code, ConnectError } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const [url, set] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(set)));
const service = (name) => registry.getService(`ordershop.v1.${name}Service`);

for (const useBinaryFormat of [false, true]) {
  const transport = createConnectTransport({ baseUrl: url, httpVersion: "1.1", useBinaryFormat });
  const customers = createClient(service("Customer"), transport), crm = createClient(service("Crm"), transport);
  let position;
  const made = await customers.createCustomer(
    { customer: { name: "Grüße, 世界", email: "ada@example.com" } },
    { onTrailer: (trailers) => (position = trailers.get("ordershop-position")) },
  );
  assert.equal(made.version, 1n);
  assert.ok(position);
  assert.deepEqual(await customers.getCustomer({ id: made.id }), made);
  const profile = await crm.getCustomerProfile({ customerId: made.id }, { headers: { "ordershop-after": position } });
  assert.equal(profile.name, made.name);
  const page = await customers.listCustomers({ pageSize: 1 });
  assert.equal(page.customers.length, 1);

  const refused = await customers.createCustomer({ customer: { name: " ", email: "x" } }).catch((error) => error);
  assert.ok(refused instanceof ConnectError);
  assert.equal(refused.code, Code.InvalidArgument);
  const [bad] = refused.findDetails(registry.getMessage("google.rpc.BadRequest"));
  assert.deepEqual(bad.fieldViolations.map((each) => each.field), ["customer.name", "customer.email"]);

  const missing = await customers.getCustomer({ id: "76131f90-36f5-4ce4-8516-0685a3dccc54" }).catch((error) => error);
  assert.equal(missing.code, Code.NotFound);
}
console.log("fine");
