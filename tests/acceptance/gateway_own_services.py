# SPDX-License-Identifier: Apache-2.0
"""Services outside the tree, in another language and with a contract that the gateway was not built with. Run by
gateway_own_services.sh; names of classes as arguments."""
import http.client
import json
import os
import sys
import threading
import unittest
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool

sys.path.insert(0, os.environ["ORDERSHOP_SOURCE"] + "/tests/acceptance")
import python_client as shop  # noqa: E402

PORT = int(os.environ["ORDERSHOP_GATEWAY_PORT"])
COUPONS, VOUCHERS = os.environ["ORDERSHOP_COUPON_ADDRESS"], os.environ["ORDERSHOP_VOUCHER_ADDRESS"]
LOG = os.environ["GATEWAY_LOG"]
TEXT, MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE


def ask(method, path, body=None, **headers):
    link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=shop.SECONDS)
    try:
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        link.request(method, path, body, headers)
        response = link.getresponse()
        return response.status, json.loads(response.read() or b"null")
    finally:
        link.close()


def paths():
    return ask("GET", "/openapi.json")[1]["paths"]


def status_of(service):
    return next((each for each in ask("GET", "/status")[1]["services"] if each["name"] == service), None)


def log_lines(text):
    with open(LOG, encoding="utf-8") as file:
        return [line for line in file if text in line]


def messages_file(package):
    """What the service's file imports: a server need not send it before it is asked for."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}/messages.proto", package=package, syntax="proto3")
    for name, fields in (("Coupon", (("id", TEXT), ("text", TEXT))), ("GetCouponRequest", (("id", TEXT),)),
                         ("CreateCouponRequest", (("coupon", MESSAGE),))):
        made = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, 1):
            made.field.add(name=field, number=number, type=kind, label=1, type_name=f".{package}.Coupon" if kind == MESSAGE else None)
    return file


def option(verb, path, body=""):
    """google.api.http, as bytes: this program was not compiled with it either."""
    rule = shop.message("google.api.HttpRule")(**{verb: path, "body": body}).SerializeToString()
    return b"\x82\xd3\xe4\x93\x02" + bytes((len(rule),)) + rule


def contract(package, *methods):
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}/service.proto", package=package, syntax="proto3",
                                              dependency=[f"{package}/messages.proto"])
    service = file.service.add(name="CouponService")
    for name, request, rule in methods:
        made = service.method.add(name=name, input_type=f".{package}.{request}", output_type=f".{package}.Coupon")
        made.options.ParseFromString(rule)
    return [file, messages_file(package)]


class Service(grpc.GenericRpcHandler):
    """A server of that contract, whose methods answer what they are given, as foreign servers are: files come one at a
    time, and imports when they are asked for."""

    def __init__(self, address, files, reflection="grpc.reflection.v1", listed=None):
        self.files, self.reflection = files, reflection
        self.started, self.gate = threading.Event(), threading.Event()
        pool = descriptor_pool.DescriptorPool()
        for file in reversed(files):
            try:
                pool.Add(file)
            except TypeError:  # some contracts are wrong
                break
        self.methods = {}
        self.services = listed or [f"{file.package}.{each.name}" for file in files for each in file.service]
        for each in self.services:
            try:
                for method in pool.FindServiceByName(each).methods:
                    self.methods[f"/{each}/{method.name}"] = method
            except KeyError:
                pass
        self.server = grpc.server(futures.ThreadPoolExecutor(8), handlers=(self,), options=[("grpc.so_reuseport", 0)])
        shop.poll(lambda: self.listens(address))
        self.server.start()

    def listens(self, address):
        try:
            return self.server.add_insecure_port(address) != 0
        except RuntimeError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.server.stop(0).wait()

    def service(self, details):
        if details.method == f"/{self.reflection}.ServerReflection/ServerReflectionInfo":
            request, reply = (shop.message(f"{self.reflection}.ServerReflection{each}") for each in ("Request", "Response"))
            return grpc.stream_stream_rpc_method_handler(lambda questions, _: (reply(**self.answer(each)) for each in questions),
                                                         request.FromString, reply.SerializeToString)
        method = self.methods.get(details.method)
        if not method:
            return None
        request, reply = shop.message_class(method.input_type), shop.message_class(method.output_type)
        return grpc.unary_unary_rpc_method_handler(lambda asked, _: self.reply(asked, reply), request.FromString, reply.SerializeToString)

    def reply(self, request, reply):
        if hasattr(request, "coupon"):
            return reply(id="made", text=request.coupon.text)
        if request.id == "wait":
            self.started.set()
            self.gate.wait(shop.SECONDS)
        return reply(id=request.id, text="Grüße")

    def answer(self, question):
        if question.WhichOneof("message_request") == "list_services":
            return {"list_services_response": {"service": [{"name": each} for each in (*self.services, self.reflection + ".ServerReflection")]}}
        for file in self.files:
            is_it = question.file_containing_symbol in [f"{file.package}.{each.name}" for each in file.service]
            if is_it or question.file_by_filename == file.name:
                return {"file_descriptor_response": {"file_descriptor_proto": [self.bytes_of(file)]}}
        return {"error_response": {"error_code": 5, "error_message": "there is no such thing"}}

    def bytes_of(self, file):
        return file.SerializeToString()


class Garbled(Service):
    def bytes_of(self, file):
        return super().bytes_of(file)[:-3] + b"\xff\xff\xff"


GET = ("GetCoupon", "GetCouponRequest", option("get", "/v1/coupons/{id}"))
CREATE = ("CreateCoupon", "CreateCouponRequest", option("post", "/v1/coupons", "coupon"))
REDEEM = ("RedeemCoupon", "GetCouponRequest", option("post", "/v1/coupons/{id}:redeem", "*"))


def coupons(*methods):
    return contract("coupon.v1", *methods)


class OwnServices(unittest.TestCase):
    def await_path(self, path, there=True):
        shop.poll(lambda: (path in paths()) == there)

    def test_one_that_starts_later_is_offered_and_is_503_while_it_is_away(self):
        self.assertEqual(ask("GET", "/v1/coupons/a")[0], 404)
        self.assertEqual([status_of(name)["error"]["status"] for name in ("coupon", "voucher")], ["UNAVAILABLE", "UNAVAILABLE"])
        self.assertEqual(len(log_lines("can't be asked for its contract")), 2)  # each service, once
        with Service(COUPONS, coupons(GET, CREATE)):
            self.await_path("/v1/coupons/{id}")
            self.assertEqual(ask("GET", "/v1/coupons/a"), (200, {"id": "a", "text": "Grüße"}))
            self.assertEqual(ask("POST", "/v1/coupons", {"text": "ten"}), (200, {"id": "made", "text": "ten"}))
            self.assertEqual(ask("POST", "/coupon.v1.CouponService/CreateCoupon", {"coupon": {"text": "x"}}), (200, {"id": "made", "text": "x"}))
            code, answer = ask("POST", "/v1/coupons", {"txt": "ten"})
            self.assertEqual((code, answer["error"]["details"][1]["fieldViolations"][0]["field"]), (400, "coupon.txt"))
            self.assertIsNone(status_of("coupon"))  # it has no StatusService
            self.assertTrue(status_of("customer")["status"]["ready"])
            self.assertIn("coupon.v1.Coupon", ask("GET", "/openapi.json")[1]["components"]["schemas"])
            self.assertEqual(ask("GET", "/v1/customers?page_size=1")[0], 200)
        code, answer = ask("GET", "/v1/coupons/a")
        self.assertEqual((code, answer["error"]["status"]), (503, "UNAVAILABLE"))
        self.assertIn("/v1/coupons/{id}", paths())

    def test_one_that_comes_back_with_another_contract_is_offered_by_that(self):
        with Service(COUPONS, coupons(GET)):
            self.await_path("/v1/coupons", False)
            self.await_path("/v1/coupons/{id}")
        with Service(COUPONS, coupons(GET, REDEEM), reflection="grpc.reflection.v1alpha"):  # as that of Python's library
            self.await_path("/v1/coupons/{id}:redeem")
            self.assertEqual(ask("POST", "/v1/coupons/a:redeem", {})[0], 200)
            self.assertEqual(ask("POST", "/v1/coupons", {"text": "ten"})[0], 404)

    def test_a_call_under_way_ends_by_the_contract_that_it_began_with(self):
        answers = []
        with Service(COUPONS, coupons(GET)) as service:
            shop.poll(lambda: ask("GET", "/v1/coupons/a")[0] == 200)
            waiting = threading.Thread(target=lambda: answers.append(ask("GET", "/v1/coupons/wait", **{"Connect-Timeout-Ms": "60000"})))
            waiting.start()
            self.assertTrue(service.started.wait(shop.SECONDS))
            with Service(VOUCHERS, contract("voucher.v1", ("GetVoucher", "GetCouponRequest", option("get", "/v1/vouchers/{id}")))):
                self.await_path("/v1/vouchers/{id}")
                self.assertEqual(answers, [])
                service.gate.set()
                waiting.join()
                self.assertEqual(answers, [(200, {"id": "wait", "text": "Grüße"})])
                self.assertEqual(ask("GET", "/v1/vouchers/a")[0], 200)

    def test_one_that_takes_what_is_anothers_is_not_offered_and_the_others_are(self):
        for path in ("/v1/customers/{id}", "/v1/coupons/{id}"):
            before = len(log_lines("is not offered"))
            with Service(COUPONS, coupons(GET)), Service(VOUCHERS, contract("voucher.v1", ("GetVoucher", "GetCouponRequest", option("get", path)))):
                self.await_path("/v1/coupons/{id}")
                shop.poll(lambda: len(log_lines("is not offered")) > before)
                self.assertIn("service=voucher", log_lines("is not offered")[before])
                self.assertIn(f"GET {path} is the resource of", log_lines("is not offered")[before])
                self.assertEqual(ask("GET", "/v1/coupons/a")[0], 200)
                self.assertEqual(ask("GET", "/v1/customers?page_size=1")[0], 200)
                self.assertEqual(ask("POST", "/voucher.v1.CouponService/GetVoucher", {})[0], 404)

    def test_the_paths_of_the_dialect_stay_its_own(self):
        with Service(VOUCHERS, contract("voucher.v1", ("ListVouchers", "GetCouponRequest", option("get", "/customers")))):
            self.await_path("/customers")
            self.assertIsInstance(ask("GET", "/customers")[1], list)

    def test_what_is_no_contract_changes_nothing(self):
        with Service(VOUCHERS, contract("voucher.v1", ("GetVoucher", "GetCouponRequest", option("get", "/v1/vouchers/{id}")))):
            self.await_path("/v1/vouchers/{id}")
        wrong = coupons(GET)[:1]  # what it imports is nowhere
        unfit = coupons(("GetCoupon", "GetCouponRequest", option("get", "/v1/coupons/{nothing}")))
        many = coupons(GET), [f"coupon.v1.S{i}" for i in range(200)]
        for say, service in (("is no message of it", lambda: Service(COUPONS, wrong)),
                             ("no such field: nothing", lambda: Service(COUPONS, unfit)),
                             ("more than 100 answers", lambda: Service(COUPONS, many[0], listed=many[1])),
                             ("bytes are no FileDescriptorSet", lambda: Garbled(COUPONS, coupons(GET))),
                             ("can't be asked", lambda: Service(COUPONS, coupons(GET), reflection="none.v1"))):
            before = len(log_lines("service=coupon"))
            with service():
                shop.poll(lambda: any(say in line for line in log_lines("service=coupon")[before:]))
                self.assertEqual(ask("GET", "/v1/customers?page_size=1")[0], 200)
                self.assertIn("/v1/vouchers/{id}", paths())
        with Service(COUPONS, coupons(GET)):
            self.await_path("/v1/coupons/{id}")


if __name__ == "__main__":
    unittest.main()
