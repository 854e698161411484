# SPDX-License-Identifier: Apache-2.0
"""The v1 dialect on an empty shop: the calls of the reference's client in its order, then what else the dialect has and
refuses. Run by gateway_v1.sh; every call has a connection of its own, as that client's."""
import http.client
import json
import os
import random
import time
import unittest
import uuid

PORT = int(os.environ["ORDERSHOP_GATEWAY_PORT"])
SECONDS = 40 * int(os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1"))


def ask(method, path, body=None, content_type="application/json; charset=utf-8", **more):
    """Code, headers and body of an answer. A body that is text is sent as it is."""
    link = http.client.HTTPConnection("localhost", PORT, timeout=SECONDS)
    headers = {"Connection": "close", **{name.replace("_", "-"): value for name, value in more.items()}}
    if body is not None:
        headers["Content-Type"] = content_type
        body = body if isinstance(body, str) else json.dumps(body)
    try:
        link.request(method, path, body, headers)
        response = link.getresponse()
        return response.status, response.headers, response.read().decode()
    finally:
        link.close()


class Dialect(unittest.TestCase):
    def ok(self, method, path, body=None):
        code, headers, text = ask(method, path, body)
        self.assertEqual((code, headers["Content-Type"]), (200, "application/json"), (method, path, text))
        return json.loads(text)

    def refused(self, code, method, path, body=None, **more):
        is_code, headers, text = ask(method, path, body, **more)
        self.assertEqual(is_code, code, (method, path, body, text))
        self.assertEqual(json.loads(text)["error"]["code"], code)
        return headers

    def test_1_the_reference_clients_calls_in_their_order(self):
        chance = random.Random(1)
        self.assertEqual(self.ok("GET", "/customers"), [])
        self.assertEqual(self.ok("GET", "/report"), dict.fromkeys(("products", "inventory", "customers", "orders", "billings"), []))

        given = [{"name": f"Name {i}", "email": f"name{i}@example.com"} for i in range(10)]
        ids = self.ok("POST", "/customers", given)
        customers = self.ok("GET", "/customers")
        self.assertEqual(customers, [{"id": id, **each} for id, each in zip(ids, given)])

        given = [{"name": f"Product {i}", "price": chance.choice((i, i + 0.5, i + 0.01, i * 100 + 0.99))} for i in range(10)]
        ids = self.ok("POST", "/products", given)
        products = self.ok("GET", "/products")
        self.assertEqual(products, [{"id": id, **each} for id, each in zip(ids, given)])

        given = [{"product_id": each["id"], "amount": 100} for each in products]
        ids = self.ok("POST", "/inventory", given)
        self.assertEqual(self.ok("GET", "/inventory"), [{"id": id, **each} for id, each in zip(ids, given)])

        orders = []
        for _ in range(10):
            order = {"product_ids": [chance.choice(products)["id"] for _ in range(chance.randint(1, 9))],
                     "customer_id": chance.choice(customers)["id"]}
            made = self.ok("POST", "/orders", order)
            self.assertEqual(len(made), 1)
            orders.append({"id": made[0], **order})
        self.assertEqual(self.ok("GET", "/orders"), orders)

        second = orders[1]
        second["product_ids"][0] = products[0]["id"]
        self.assertIs(self.ok("PUT", "/order/" + second["id"], second), True)
        self.assertEqual(self.ok("GET", "/order/" + second["id"]), second)

        self.assertIs(self.ok("DELETE", "/order/" + orders[2]["id"]), True)
        self.assertIsNone(self.ok("GET", "/order/" + orders[2]["id"]))
        self.assertIs(self.ok("DELETE", "/customer/" + customers[2]["id"]), True)
        self.assertIsNone(self.ok("GET", "/customer/" + customers[2]["id"]))

        begun = time.time()
        billing = self.ok("POST", "/billing", {"order_id": orders[0]["id"]})
        unbilled = self.ok("GET", "/orders/unbilled")
        self.assertEqual(unbilled, [orders[1]] + orders[3:])
        self.assertEqual(len(unbilled), 8)

        report = self.ok("GET", "/report")
        self.assertEqual({name: len(rows) for name, rows in report.items()},
                         {"products": 10, "inventory": 10, "customers": 9, "orders": 9, "billings": 1})
        self.assertEqual(report["orders"], [orders[0], orders[1]] + orders[3:])
        row = report["billings"][0]
        self.assertEqual((row["id"], row["order_id"], type(row["done"])), (billing[0], orders[0]["id"], float))
        self.assertLess(abs(row["done"] - begun), SECONDS)

    def customer(self, **fields):
        return {"name": "Ada", "email": "ada@example.com", **fields}

    def test_2_one_object_makes_an_array_of_one_id_in_both_forms(self):
        for path in ("/customer", "/customers"):
            ids = self.ok("POST", path, self.customer())
            self.assertEqual([str(uuid.UUID(id)) for id in ids], ids)
            self.assertEqual(len(ids), 1)

    def test_3_each_kind_is_read_changed_and_deleted_by_its_id(self):
        product = self.ok("POST", "/product", {"name": "Lamp", "price": 7})[0]
        self.assertEqual(self.ok("GET", "/product/" + product), {"id": product, "name": "Lamp", "price": 7})
        self.assertIs(self.ok("PUT", "/product/" + product, {"name": "Shade", "price": 0.1, "colour": "red"}), True)
        self.assertEqual(ask("GET", "/product/" + product)[2], '{"id":"%s","name":"Shade","price":0.1}' % product)
        stock = self.ok("POST", "/inventory", {"product_id": product, "amount": 3})[0]
        self.assertIs(self.ok("PUT", "/inventory/" + stock, {"product_id": product, "amount": 0}), True)
        self.assertEqual(self.ok("GET", "/inventory/" + stock), {"id": stock, "product_id": product, "amount": 0})
        customer = self.ok("POST", "/customer", self.customer())[0]
        self.assertIs(self.ok("PUT", "/customer/" + customer, self.customer(name="Bea", id=customer)), True)
        self.assertEqual(self.ok("GET", "/customer/" + customer)["name"], "Bea")
        for path in ("/inventory/" + stock, "/product/" + product, "/customer/" + customer):
            self.assertIs(self.ok("DELETE", path), True)
            self.assertIsNone(self.ok("GET", path))
            self.refused(404, "DELETE", path)

    def test_4_prices_are_exact(self):
        for price in ("0.29", "1.15", "2.675e0", "1e2", "9999999999.99", "4.35", "0.07", "1.10"):
            exact = price != "2.675e0"
            code, _, text = ask("POST", "/product", '{"name": "P", "price": %s}' % price)
            self.assertEqual(code, 200 if exact else 400, text)
            if exact:
                self.assertEqual(self.ok("GET", "/product/" + json.loads(text)[0])["price"], float(price))

    def test_5_arrays_are_created_all_or_none(self):
        before = self.ok("GET", "/customers")
        self.refused(400, "POST", "/customers", [self.customer(), self.customer(email="x")])
        self.assertEqual(self.ok("GET", "/customers"), before)

    def test_6_an_idempotency_key_makes_it_one(self):
        body, key = [self.customer(name="Once"), self.customer(name="Twice")], str(uuid.uuid4())
        first = ask("POST", "/customers", body, Idempotency_Key=key)
        self.assertEqual(ask("POST", "/customers", body, Idempotency_Key=key)[2], first[2])

    def test_7_wrong_input_is_refused(self):
        nobody, product = str(uuid.uuid4()), self.ok("POST", "/product", {"name": "P", "price": 1})[0]
        customer = self.ok("POST", "/customer", self.customer())[0]
        for body in ("", "{", "7", "[]", "[7]", {}, {"name": "a"}, {"name": 7, "email": "a@b.c"}, {"name": None, "email": "a@b.c"}):
            self.refused(400, "POST", "/customers", body)
        for price in ('"x"', "12.345", "1e13", "-1", "true", "null", "[1]"):
            self.refused(400, "POST", "/products", '{"name": "a", "price": %s}' % price)
        self.refused(400, "POST", "/order", {"product_ids": [product], "customer_id": nobody})
        self.refused(400, "POST", "/order", {"product_ids": [], "customer_id": customer})
        self.refused(400, "PUT", "/customer/" + customer, {"name": "B"})
        self.refused(400, "PUT", "/customer/" + customer, self.customer(id=nobody))
        self.refused(404, "PUT", "/customer/" + nobody, self.customer())
        self.refused(404, "DELETE", "/customer/" + nobody)
        self.refused(409, "POST", "/order", {"product_ids": [product], "customer_id": customer})  # out of stock
        self.ok("POST", "/inventory", {"product_id": product, "amount": 1})
        self.refused(409, "POST", "/inventory", {"product_id": product, "amount": 1})
        order = self.ok("POST", "/order", {"product_ids": [product], "customer_id": customer})[0]
        billing = self.ok("POST", "/billing", {"order_id": order})[0]
        self.refused(409, "POST", "/billing", {"order_id": order})
        self.refused(405, "PUT", "/billing/" + billing, {"order_id": order})
        self.refused(415, "POST", "/customers", json.dumps(self.customer()), content_type="text/plain")
        self.refused(413, "POST", "/customers", " " * (1200 * 1024))
        for method, path in (("DELETE", "/customers"), ("GET", "/customer"), ("POST", "/report"), ("PUT", "/orders/unbilled"),
                             ("PATCH", "/customer/" + customer)):
            self.assertTrue(self.refused(405, method, path, {} if method in ("POST", "PUT", "PATCH") else None)["Allow"])
        for path in ("/customers/" + customer, "/customer/", "/order/a/b", "/mails", "/crm"):
            self.refused(404, "GET", path)

    def test_8_orders_in_an_array_are_made_one_by_one_until_one_fails(self):
        product = self.ok("POST", "/product", {"name": "P", "price": 1})[0]
        customer = self.ok("POST", "/customer", self.customer())[0]
        self.ok("POST", "/inventory", {"product_id": product, "amount": 2})
        order = {"product_ids": [product], "customer_id": customer}
        before = len(self.ok("GET", "/orders"))
        code, _, text = ask("POST", "/orders", [order, order, order])
        self.assertEqual(code, 409)
        self.assertIn("[2], after 2 were created", json.loads(text)["error"]["message"])
        self.assertEqual(len(self.ok("GET", "/orders")), before + 2)

    def test_9_long_lists_are_whole_and_in_their_order(self):
        names = [f"Many {i}" for i in range(2500)]
        for begin in range(0, 2500, 1000):
            self.ok("POST", "/customers", [self.customer(name=name) for name in names[begin:begin + 1000]])
        listed = [each["name"] for each in self.ok("GET", "/customers") if each["name"].startswith("Many")]
        self.assertEqual(listed, names)


class Away(unittest.TestCase):
    def test_a_service_that_is_away_is_503_with_retry_after(self):
        code, headers, text = ask("GET", "/customers")
        self.assertEqual((code, json.loads(text)["error"]["status"]), (503, "UNAVAILABLE"))
        self.assertTrue(headers["Retry-After"])


if __name__ == "__main__":
    unittest.main()
