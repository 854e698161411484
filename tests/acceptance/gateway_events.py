# SPDX-License-Identifier: Apache-2.0
"""The shop's events as a browser gets them. Run by gateway_events.sh; names of classes as arguments."""
import collections
import http.client
import json
import os
import random
import signal
import socket
import ssl
import sys
import threading
import time
import unittest
import urllib.parse
import uuid

sys.path.insert(0, os.environ["ORDERSHOP_SOURCE"] + "/tests/acceptance")
import python_client as shop  # noqa: E402

PORT = int(os.environ["ORDERSHOP_GATEWAY_PORT"])
AWAY = (OSError, http.client.HTTPException)
Event = collections.namedtuple("Event", "id name data")


class Stream:
    """A reader as EventSource is one: an event counts when the line behind it has come."""

    def __init__(self, query="", last=None, **headers):
        self.link = self.connection()
        try:
            self.link.request("GET", "/events" + query, headers={**({"Last-Event-ID": last} if last else {}), **headers})
            self.response = self.link.getresponse()
        except BaseException:
            self.link.close()
            raise

    @staticmethod
    def connection():
        return http.client.HTTPConnection("127.0.0.1", PORT, timeout=shop.SECONDS)

    def next(self):
        """The next event, heartbeats included; None at the end."""
        id, name, data = None, "message", ""
        while True:
            line = self.response.readline().decode()
            if not line.endswith("\n"):
                return None
            field, _, value = line.rstrip("\n").partition(": ")
            if field == "id":
                id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = value
            elif not field and data:
                return Event(id, name, json.loads(data))

    def next_of(self, name):
        while True:
            event = self.next()
            assert event, "the stream has ended"
            if event.name == name:
                return event

    def close(self):
        self.response.close()
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(method, path, body=None, **headers):
    link = http.client.HTTPConnection("127.0.0.1", PORT, timeout=shop.SECONDS)
    try:
        link.request(method, path, body, headers)
        response = link.getresponse()
        return response.status, response.headers, response.read()
    finally:
        link.close()


def create(name="Ada"):
    return shop.call("Customer", "CreateCustomer", customer=shop.customer(name)).id


class Events(unittest.TestCase):
    def test_an_event_comes_with_its_entity_decoded(self):
        with Stream("?stream=customer_created") as stream:
            headers = stream.response.headers
            self.assertEqual((stream.response.status, headers["Content-Type"], headers["Cache-Control"], headers["X-Accel-Buffering"]),
                             (200, "text/event-stream", "no-store", "no"))
            stream.next_of("heartbeat")
            id = create("Grüße, 世界")
            event = stream.next_of("customer_created")
        data = event.data
        self.assertEqual((data["stream"], data["entityType"], data["entityId"]), ("customer_created", "customer", id))
        self.assertEqual((data["entity"]["name"], data["entity"]["email"]), ("Grüße, 世界", "ada@example.com"))
        self.assertTrue(data["eventId"] and data["entry"] and data["time"])
        self.assertEqual((data["cause"], "entityJson" in data), ("", False))

    def test_streams_and_entities_are_chosen(self):
        one, other = create("one"), create("other")
        with Stream(f"?stream=customer_created&stream=customer_updated&entity=customer/{other}&after=0-0") as stream:
            shop.call("Customer", "UpdateCustomer", customer={"id": one, "name": "x"}, update_mask={"paths": ["name"]})
            shop.call("Customer", "UpdateCustomer", customer={"id": other, "name": "y"}, update_mask={"paths": ["name"]})
            self.assertEqual(stream.next_of("customer_created").data["entityId"], other)
            self.assertEqual(stream.next_of("customer_updated").data["entityId"], other)
        with Stream("?entity=product&after=0-0&named=false") as stream:
            goods = shop.call("Product", "CreateProduct", product={"name": "Lamp", "price_cents": 5}).id
            self.assertEqual(stream.next_of("message").data["entityId"], goods)

    def test_each_id_resumes_behind_its_event(self):
        ids = [create(f"No. {i}") for i in range(5)]
        seen, last, mark = [], None, "after=0-0"
        with Stream(f"?stream=customer_created&{mark}") as stream:
            while not seen or seen[-1].data["entityId"] != ids[-1]:
                seen.append(stream.next_of("customer_created"))
        for i in range(-5, -1):
            for key in ("id", "entry"):
                last = seen[i].id if key == "id" else seen[i].data["entry"]
                with Stream(f"?stream=customer_created&{mark}", last) as stream:  # the header counts, not the query
                    self.assertEqual(stream.next_of("customer_created"), seen[i + 1])
                with Stream(f"?stream=customer_created&after={urllib.parse.quote(last)}") as stream:
                    self.assertEqual(stream.next_of("customer_created"), seen[i + 1])

    def test_a_quiet_stream_says_how_far_it_is(self):
        with Stream("?stream=nothing_created&heartbeat=1") as stream:
            first = stream.next_of("heartbeat")
            create()
            moved = stream.next_of("heartbeat")
            while moved.id == first.id:
                moved = stream.next_of("heartbeat")
            self.assertEqual(moved.data["position"], moved.id)
        with Stream("?stream=nothing_created", moved.id) as stream:
            self.assertEqual(stream.next().name, "heartbeat")  # its id is accepted as a place to resume at


class Refusals(unittest.TestCase):
    def test_parameters_that_are_none_are_named(self):
        for query, field in (("?streams=x", "streams"), ("?heartbeat=0", "heartbeat"), ("?heartbeat=x", "heartbeat"), ("?named=1", "named"),
                             ("?after=yesterday", None), ("?stream=%ff", None), ("?stream=", None), ("?entity=", None),
                             ("?" + "stream=a_created&" * 101, None)):
            with Stream(query) as refused:
                self.assertEqual((refused.response.status, refused.response.headers["Content-Type"]), (400, "application/json"), query)
                error = json.loads(refused.response.read())["error"]
            self.assertTrue(error["details"], query)
            if field:
                self.assertEqual(error["details"][1]["fieldViolations"][0]["field"], field)

    def test_other_methods(self):
        status, headers, body = ask("HEAD", "/events?stream=order_created")
        self.assertEqual((status, headers["Content-Type"], body), (200, "text/event-stream", b""))
        status, headers, _ = ask("OPTIONS", "/events")
        self.assertEqual((status, headers["Allow"]), (204, "GET, HEAD, OPTIONS"))
        status, headers, _ = ask("POST", "/events", "{}")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD, OPTIONS"))


class Writer(threading.Thread):
    """Creates customers until it is told to stop, whatever is away meanwhile."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.005):
            body, key = json.dumps(shop.customer()), str(uuid.uuid4())
            while not self.create(body, key):
                time.sleep(0.05)

    @staticmethod
    def create(body, key):
        try:
            return ask("POST", "/v1/customers", body, **{"Content-Type": "application/json", "Idempotency-Key": key})[0] == 200
        except AWAY:
            return False


def entries_behind(entry):
    stub, request = shop.method("Event", "ReadEvents")
    entries, token = [], ""
    while True:
        page = stub(request(streams=["customer_created"], after_entry=entry, page_size=1000, page_token=token), timeout=shop.SECONDS,
                    wait_for_ready=True)
        entries += [each.entry for each in page.events]
        token = page.next_page_token
        if not token:
            return entries


class Reconnects(unittest.TestCase):
    def test_a_thousand_of_them_lose_and_repeat_nothing(self):
        chance, seen, count, writer = random.Random(11), [], 0, Writer()
        self.begin = entries_behind("0-0")[-1]
        self.last = self.begin
        writer.start()
        while count < 1000:
            if self.read_some(seen, chance.choice((0, 0, 1, 1, 2, 3))):
                count += 1
                with open(os.environ["GATEWAY_RECONNECTS"] + ".new", "w") as file:
                    file.write(str(count))
                os.replace(file.name, os.environ["GATEWAY_RECONNECTS"])
        writer.stopping.set()
        writer.join()
        wanted = entries_behind(self.begin)
        deadline = time.monotonic() + shop.SECONDS
        while len(seen) < len(wanted) and time.monotonic() < deadline:
            self.read_some(seen, len(wanted) - len(seen))
        self.assertGreater(len(wanted), 100)
        self.assertEqual(seen, wanted)

    def read_some(self, seen, most):
        """One connection, which ends in the middle of whatever comes. Returns whether there was one."""
        try:
            with Stream("?stream=customer_created", self.last) as stream:
                if stream.response.status != 200:
                    assert stream.response.status == 503, stream.response.read()
                    time.sleep(0.05)
                    return False
                for _ in range(most):
                    event = stream.next()
                    if not event:
                        break
                    self.last = event.id
                    if event.name == "customer_created":
                        seen.append(event.data["entry"])
            return True
        except AWAY:
            time.sleep(0.05)
            return False


class Away(unittest.TestCase):
    def test_it_is_said_at_once(self):
        status, headers, body = ask("GET", "/events")
        self.assertEqual((status, headers["Retry-After"]), (503, "1"), body)


class Meanwhile(unittest.TestCase):
    def test_a_stream_goes_on_behind_its_last_event(self):
        with Stream("?stream=customer_created") as stream:
            stream.next_of("heartbeat")
            ids = [create()]
            got = [stream.next_of("customer_created").data["entityId"]]
            open(os.environ["GATEWAY_STARTED"], "w").close()
            ids += [create() for _ in range(50)]
            got += [stream.next_of("customer_created").data["entityId"] for _ in range(50)]
        self.assertEqual(got, ids)


class Places(unittest.TestCase):
    """They read a stream in which nothing happens, so that a hundred who take no events off the connection hold up nobody."""

    QUIET = "?stream=product_created"

    def test_a_hundred_who_vanish_give_back_their_places(self):
        for _ in range(2):
            streams = []
            deadline = time.monotonic() + shop.SECONDS
            while len(streams) < 100:
                self.assertLess(time.monotonic(), deadline)
                stream = Stream(self.QUIET)
                if stream.response.status == 200:
                    streams.append(stream)
                else:
                    self.assertEqual((stream.response.status, stream.response.headers["Retry-After"]), (503, "1"))
                    stream.close()
                    time.sleep(0.02)
            self.assertEqual(Stream(self.QUIET).response.status, 503)
            self.assertEqual(ask("GET", "/v1/customers?page_size=1")[0], 200)
            for stream in streams:
                stream.close()


class PlacesOfAnAddress(unittest.TestCase):
    def test_one_more_is_refused(self):
        streams = [Stream() for _ in range(4)]
        self.assertEqual([each.response.status for each in streams], [200, 200, 200, 429])
        self.assertTrue(streams[3].response.headers["Retry-After"])
        for each in streams:
            each.close()


class StreamOfFewBytes(Stream):
    """One that the kernel holds little of, so that whoever does not read is soon noticed."""

    @staticmethod
    def connection():
        link = Stream.connection()
        link.sock = socket.socket()
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        link.sock.settimeout(shop.SECONDS)
        link.sock.connect(("127.0.0.1", PORT))
        return link


class Slow(unittest.TestCase):
    BATCHES = 25  # of 1,000: more than the event service keeps for all, and buffers on the way take
    TAKEN = 200  # of each: the gateway cuts off who takes nothing for a minute, and on a busy machine a batch takes seconds

    @staticmethod
    def take(slow, seen, count):
        """Reads until there are so many events, and returns None; or what ends the stream before."""
        while len(seen) < count:
            event = slow.next()
            if event.name == "customer_created":
                seen.append(event)
            elif event.name != "heartbeat":
                return event
        return None

    def test_who_reads_too_slowly_is_ended_and_told_so_and_costs_nobody_else_anything(self):
        large = {"name": "x" * 256, "email": "y" * 64 + "@example.com"}
        all, seen, end = [], [], None
        with StreamOfFewBytes("?stream=customer_created") as slow, Stream("?stream=customer_created") as other:
            slow.next_of("heartbeat"), other.next_of("heartbeat")
            for batch in range(self.BATCHES):
                shop.call("Customer", "BatchCreateCustomers", customers=[large] * 1000)
                all += [other.next_of("customer_created").data["entry"] for _ in range(1000)]
                self.assertEqual(ask("GET", "/v1/customers?page_size=1")[0], 200)
                end = end or self.take(slow, seen, (batch + 1) * self.TAKEN)
            end = end or self.take(slow, seen, len(all))
            self.assertIsNotNone(end)
            self.assertEqual((end.name, end.id, end.data["error"]["code"], end.data["error"]["details"][0]["reason"]),
                             ("end", None, 409, "WATCH_TOO_SLOW"))
            self.assertIsNone(slow.next())
        self.assertLess(len(seen), len(all))
        entries = [event.data["entry"] for event in seen]
        with Stream("?stream=customer_created", seen[-1].id) as again:
            entries += [again.next_of("customer_created").data["entry"] for _ in range(len(all) - len(seen))]
        self.assertEqual(entries, all)


class Tokens(unittest.TestCase):
    def test_the_events_need_the_token_of_reading(self):
        for token, code in ((None, 401), ("reading-secre", 401), ("reading-secret", 200), ("writing-secret", 200)):
            with Stream(**({"Authorization": "Bearer " + token} if token else {})) as stream:
                self.assertEqual(stream.response.status, code, token)
                if code == 200:
                    stream.next_of("heartbeat")
                else:
                    self.assertEqual(stream.response.headers["WWW-Authenticate"], "Bearer")
        with Stream("?token=reading-secret&access_token=reading-secret", Cookie="token=reading-secret") as stream:
            self.assertEqual(stream.response.status, 401)  # not from where others could send it, or read it


class StreamByTls(Stream):
    @staticmethod
    def connection():
        context = ssl.create_default_context(cafile=os.environ["GATEWAY_CA"])
        return http.client.HTTPSConnection("localhost", PORT, timeout=shop.SECONDS, context=context)


class Https(unittest.TestCase):
    def test_events_come_over_tls_too(self):
        with StreamByTls("?stream=customer_created&heartbeat=1") as stream:
            stream.next_of("heartbeat")
            ids = [create(f"No. {i}") for i in range(200)]
            events = [stream.next_of("customer_created") for _ in ids]
            self.assertEqual([each.data["entityId"] for each in events], ids)
            stream.next_of("heartbeat")
        with StreamByTls("?stream=customer_created", events[99].id) as stream:
            self.assertEqual([stream.next_of("customer_created") for _ in range(100)], events[100:])

    def test_who_vanishes_gives_back_its_place(self):
        for _ in range(20):  # of 3 places
            def has_place():
                with StreamByTls() as stream:
                    return stream.response.status == 200
            shop.poll(has_place)


class Drain(unittest.TestCase):
    def test_it_ends_as_a_stream_ends(self):
        def began():
            self.stream = Stream()
            return self.stream.response.status == 200
        shop.poll(began)
        self.stream.next_of("heartbeat")
        os.kill(int(os.environ["GATEWAY_PID"]), signal.SIGTERM)
        while self.stream.next():
            pass
        self.assertEqual(self.stream.response.read(), b"")  # else IncompleteRead


if __name__ == "__main__":
    unittest.main()
