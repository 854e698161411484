# SPDX-License-Identifier: Apache-2.0
"""The shop as a Python programmer meets it: grpcio, and message classes made at run time from the descriptor set.

Run by clients_python.sh, which starts a shop; addresses come in ORDERSHOP_<SERVICE>_ADDRESS, the process ids of some
services in SHOP_<SERVICE>_PID. Needs grpcio and protobuf only.
"""
import contextlib
import functools
import os
import queue
import signal
import sys
import threading
import time
import unittest
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SECONDS = 40 * int(os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1"))
V1 = "ordershop.v1."
SERVICES = ("Customer", "Product", "Inventory", "Order", "Billing", "Crm", "Mail")


def load_pool():
    with open(os.environ["ORDERSHOP_SOURCE"] + "/gen/descriptor_set.pb", "rb") as file:
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for each in descriptors.file:
        pool.Add(each)
    return pool


POOL = load_pool()
FACTORY = message_factory.MessageFactory(POOL)


def message_class(descriptor):
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return FACTORY.GetPrototype(descriptor)


def message(name):
    return message_class(POOL.FindMessageTypeByName(name))


@functools.lru_cache(None)
def channel(service):
    address = os.environ[f"ORDERSHOP_{service.upper()}_ADDRESS"]
    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])


def method(service, name, package=V1, suffix="Service", kind="unary_unary"):
    """A callable of the method, and the class of its request."""
    full = f"{package}{service}{suffix}" if package == V1 else package
    descriptor = POOL.FindServiceByName(full).methods_by_name[name]
    request, reply = message_class(descriptor.input_type), message_class(descriptor.output_type)
    stub = getattr(channel(service), kind)(f"/{full}/{name}", request.SerializeToString, reply.FromString)
    return stub, request


def call(service, name, metadata=(), timeout=SECONDS, **fields):
    stub, request = method(service, name)
    return stub(request(**fields), timeout=timeout, metadata=metadata)


def call_with_position(service, name, metadata=(), **fields):
    """The reply, and the value of its trailing metadata ordershop-position."""
    stub, request = method(service, name)
    reply, rpc = stub.with_call(request(**fields), timeout=SECONDS, metadata=metadata)
    return reply, dict(rpc.trailing_metadata()).get("ordershop-position")


def details_of(error):
    """The details of an error: {"ErrorInfo": message, ...}."""
    packed = dict(error.trailing_metadata())["grpc-status-details-bin"]
    status = message("google.rpc.Status").FromString(packed)
    assert status.code == error.code().value[0], status
    details = {}
    for each in status.details:
        name = each.type_url.rpartition("/")[2]
        details[name.rpartition(".")[2]] = message(name).FromString(each.value)
    return details


@contextlib.contextmanager
def stopped(service):
    """The service's process stands still meanwhile; its connections stay."""
    pid = int(os.environ[f"SHOP_{service.upper()}_PID"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def poll(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def customer(name="Ada Lovelace"):
    return {"name": name, "email": "ada@example.com"}


def make_order_ready(amount=5):
    """A customer and a product with stock. Returns their ids and the position that knows of both."""
    buyer = call("Customer", "CreateCustomer", customer=customer())
    goods, position = call_with_position("Product", "CreateProduct", product={"name": "Lamp", "price_cents": 1250})
    call("Inventory", "CreateInventory", metadata=(("ordershop-after", position),),
         inventory={"product_id": goods.id, "amount": amount})
    return buyer.id, goods.id, position


def stock_of(product_id):
    return call("Inventory", "ListInventories", product_id=product_id).inventories[0]


class Calls(unittest.TestCase):
    def test_a_created_customer_is_read_back_as_it_was_answered(self):
        made = call("Customer", "CreateCustomer", customer=customer("Grüße, 世界"))
        self.assertEqual(str(uuid.UUID(made.id)), made.id)
        self.assertEqual((made.version, made.name), (1, "Grüße, 世界"))
        self.assertEqual(call("Customer", "GetCustomer", id=made.id), made)

    def test_a_compressed_request_is_refused_since_it_may_unpack_to_any_size(self):
        stub, request = method("Customer", "CreateCustomer")
        with self.assertRaises(grpc.RpcError) as refused:
            stub(request(customer=customer("zip " * 60)), timeout=SECONDS, compression=grpc.Compression.Gzip)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_a_thousand_customers_are_created_at_once_and_listed_in_pages_in_their_order(self):
        made = call("Customer", "BatchCreateCustomers", customers=[customer(f"No. {i}") for i in range(1000)])
        listed, token = [], ""
        while True:
            page = call("Customer", "ListCustomers", page_size=300, page_token=token)
            listed += [each.id for each in page.customers]
            token = page.next_page_token
            if not token:
                break
        wanted = [each.id for each in made.customers]
        self.assertEqual(len(wanted), 1000)
        begin = listed.index(wanted[0])
        self.assertEqual(listed[begin:begin + 1000], wanted)
        self.assertEqual(len(set(listed)), len(listed))

    def test_an_update_with_a_mask_changes_that_field_only(self):
        made = call("Customer", "CreateCustomer", customer=customer())
        changed = call("Customer", "UpdateCustomer", update_mask={"paths": ["name"]},
                       customer={"id": made.id, "name": "Countess", "email": "no"})
        self.assertEqual((changed.name, changed.email, changed.version), ("Countess", made.email, 2))

    def test_the_same_request_id_answers_the_same_and_changes_nothing(self):
        request_id = str(uuid.uuid4())
        first = call("Product", "CreateProduct", product={"name": "Chair", "price_cents": 1}, request_id=request_id)
        again = call("Product", "CreateProduct", product={"name": "Chair", "price_cents": 1}, request_id=request_id)
        self.assertEqual(first, again)

    def test_many_calls_at_once_on_one_connection_are_all_answered(self):
        stub, request = method("Customer", "CreateCustomer")
        wanted, answered = {f"Crowd {i}" for i in range(200)}, set()

        def all_are_answered():  # on a busy machine some are refused, and called again, as they should be
            futures = [stub.future(request(customer=customer(name)), timeout=SECONDS) for name in wanted - answered]
            answered.update(each.result().name for each in futures
                            if each.code() != grpc.StatusCode.RESOURCE_EXHAUSTED)
            return answered == wanted

        poll(all_are_answered)


class Errors(unittest.TestCase):
    def refused(self, code, service, name, **fields):
        with self.assertRaises(grpc.RpcError) as raised:
            call(service, name, **fields)
        error = raised.exception
        self.assertEqual(error.code(), code, error.details())
        self.assertTrue(error.details())
        details = details_of(error)
        self.assertEqual(details["ErrorInfo"].domain, "ordershop")
        return details

    def test_all_that_is_wrong_in_a_request_is_told_at_once(self):
        details = self.refused(grpc.StatusCode.INVALID_ARGUMENT, "Customer", "CreateCustomer",
                               customer={"name": " ", "email": "nobody"})
        self.assertEqual({each.field for each in details["BadRequest"].field_violations},
                         {"customer.name", "customer.email"})
        self.assertEqual(details["ErrorInfo"].reason, "FIELD_INVALID")

    def test_what_is_not_there_is_named(self):
        missing = str(uuid.uuid4())
        details = self.refused(grpc.StatusCode.NOT_FOUND, "Customer", "GetCustomer", id=missing)
        self.assertEqual(details["ErrorInfo"].reason, "CUSTOMER_NOT_FOUND")
        self.assertIn(missing, details["ResourceInfo"].resource_name)

    def test_an_outdated_version_aborts(self):
        made = call("Customer", "CreateCustomer", customer=customer())
        self.refused(grpc.StatusCode.ABORTED, "Customer", "UpdateCustomer",
                     customer={"id": made.id, "name": "X", "version": 7})

    def test_out_of_stock_tells_what_was_wanted_and_what_is_there(self):
        buyer, goods, position = make_order_ready(amount=1)
        with self.assertRaises(grpc.RpcError) as raised:
            call("Order", "CreateOrder", metadata=(("ordershop-after", position),),
                 order={"customer_id": buyer, "product_ids": [goods, goods]})
        self.assertEqual(raised.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        info = details_of(raised.exception)["ErrorInfo"]
        self.assertIn(goods, info.metadata.values())
        self.assertEqual({"1", "2"} - set(info.metadata.values()), set())

    def test_an_unknown_method_is_unimplemented(self):
        stub = channel("Customer").unary_unary("/ordershop.v1.CustomerService/PraiseCustomer")
        with self.assertRaises(grpc.RpcError) as raised:
            stub(b"", timeout=SECONDS)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_bytes_that_are_no_message_are_the_callers_mistake(self):
        stub = channel("Customer").unary_unary("/ordershop.v1.CustomerService/CreateCustomer")
        with self.assertRaises(grpc.RpcError) as raised:
            stub(b"\xff\xff\xff", timeout=SECONDS)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)


class Metadata(unittest.TestCase):
    def test_another_service_sees_what_was_written_when_asked_for_that_position(self):
        for i in range(20):
            made, position = call_with_position("Customer", "CreateCustomer", customer=customer(f"Reader {i}"))
            profile = call("Crm", "GetCustomerProfile", metadata=(("ordershop-after", position),),
                           customer_id=made.id)
            self.assertEqual(profile.name, f"Reader {i}")

    def test_a_position_that_is_none_is_refused(self):
        with self.assertRaises(grpc.RpcError) as raised:
            call("Crm", "ListInteractions", metadata=(("ordershop-after", "yesterday"),))
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)


class DeadlinesAndCancelling(unittest.TestCase):
    def test_a_deadline_is_kept_while_a_peer_stands_still_and_nothing_is_half_done(self):
        buyer, goods, position = make_order_ready()
        with stopped("inventory"):
            begin = time.monotonic()
            with self.assertRaises(grpc.RpcError) as raised:
                call("Order", "CreateOrder", metadata=(("ordershop-after", position),), timeout=0.5,
                     order={"customer_id": buyer, "product_ids": [goods]})
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            self.assertLess(time.monotonic() - begin, 0.5 + SECONDS / 5)
        self.assertEqual(len(call("Order", "ListOrders", customer_id=buyer).orders), 0)
        inventory = stock_of(goods)
        self.assertEqual(inventory.amount + inventory.reserved_amount, 5)

    def test_a_cancelled_call_ends_at_once_and_the_service_goes_on(self):
        buyer, goods, position = make_order_ready()
        stub, request = method("Order", "CreateOrder")
        with stopped("inventory"):
            future = stub.future(request(order={"customer_id": buyer, "product_ids": [goods]}), timeout=SECONDS,
                                 metadata=(("ordershop-after", position),))
            self.assertFalse(future.done())
            future.cancel()
            self.assertTrue(future.cancelled())
            self.assertEqual(future.code(), grpc.StatusCode.CANCELLED)
        again = call("Order", "CreateOrder", metadata=(("ordershop-after", position),),
                     order={"customer_id": buyer, "product_ids": [goods]})
        self.assertEqual(again.total_cents, 1250)


class Health(unittest.TestCase):
    NAME = "grpc.health.v1.Health"

    def check(self, service, name):
        stub, request = method(service, "Check", self.NAME)
        return stub(request(service=name), timeout=SECONDS).status

    def test_every_service_says_that_it_serves_under_each_of_its_names(self):
        for service in SERVICES:
            for name in ("", f"{V1}{service}Service", "liveness"):
                self.assertEqual(self.check(service, name), 1, (service, name))

    def test_an_unknown_name_is_not_found(self):
        with self.assertRaises(grpc.RpcError) as raised:
            self.check("Customer", "nobody")
        self.assertEqual(raised.exception.code(), grpc.StatusCode.NOT_FOUND)

    def watch(self, name):
        stub, request = method("Customer", "Watch", self.NAME, kind="unary_stream")
        return stub(request(service=name), timeout=SECONDS)

    def test_a_watch_tells_the_state_at_once_stays_open_and_can_be_cancelled(self):
        for name, wanted in (("", 1), ("ordershop.v1.CustomerService", 1), ("nobody", 3)):
            watch = self.watch(name)
            self.assertEqual(next(watch).status, wanted, name)
            more = queue.Queue()
            reader = threading.Thread(target=lambda w=watch, q=more: q.put(self.rest_of(w)))
            reader.start()
            with self.assertRaises(queue.Empty):
                more.get(timeout=0.2)
            watch.cancel()
            self.assertEqual(more.get(timeout=SECONDS), grpc.StatusCode.CANCELLED)
            reader.join()

    @staticmethod
    def rest_of(watch):
        try:
            return next(watch)
        except grpc.RpcError as error:
            return error.code()


class Reflection(unittest.TestCase):
    def ask(self, version, service, **fields):
        stub, request = method(service, "ServerReflectionInfo", f"grpc.reflection.{version}.ServerReflection",
                               kind="stream_stream")
        return next(stub(iter([request(**fields)]), timeout=SECONDS))

    def test_every_service_lists_what_it_serves_in_both_versions(self):
        for service in SERVICES:
            for version in ("v1", "v1alpha"):
                answer = self.ask(version, service, list_services="")
                names = {each.name for each in answer.list_services_response.service}
                self.assertLessEqual({f"{V1}{service}Service", "grpc.health.v1.Health"}, names)

    def test_a_client_without_proto_files_can_build_the_messages_from_what_it_is_told(self):
        answer = self.ask("v1", "Customer", file_containing_symbol="ordershop.v1.CustomerService")
        pool, todo, known = descriptor_pool.DescriptorPool(), {}, []
        for packed in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(packed)
            todo[file.name] = file
        self.add_with_dependencies(pool, "ordershop/v1/customer.proto", todo, known)
        service = pool.FindServiceByName("ordershop.v1.CustomerService")
        self.assertIn("name", service.methods_by_name["CreateCustomer"].output_type.fields_by_name)

    def add_with_dependencies(self, pool, name, files, known):
        if name in known:
            return
        if name not in files:
            answer = self.ask("v1", "Customer", file_by_filename=name)
            for packed in answer.file_descriptor_response.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(packed)
                files.setdefault(file.name, file)
        for each in files[name].dependency:
            self.add_with_dependencies(pool, each, files, known)
        pool.Add(files[name])
        known.append(name)

    def test_an_unknown_symbol_is_told_as_not_found(self):
        answer = self.ask("v1", "Customer", file_containing_symbol="ordershop.v1.Nothing")
        self.assertEqual(answer.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


def main():
    program = unittest.main(exit=False, verbosity=2)
    result = program.result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(0 if failed == 0 and result.testsRun > 0 else 1)


if __name__ == "__main__":
    main()
