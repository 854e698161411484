# SPDX-License-Identifier: Apache-2.0
"""The stock lease (services/inventory/stock.h) for one order and a stock of 3.

Creates, a duplicate create, updates and a delete of one order run against inventory's consumer. Any of them may stop for ever
after any step, or give up and give back what it has reserved before it has sent its record, the clock may jump, other entities' appends move log time, the request record may be forgotten, so that the id
of a deleted order lives again. Checked in every state: no order without its stock, nothing negative; and when all is quiet:
nothing leaked.
"""
from collections import namedtuple

STOCK, LAST_ID = 3, 6
SCENARIOS = {
    "create, delete, create again": (("create", 1), ("delete", 0), ("forget", 0), ("create", 3)),
    "two creates, update, delete": (("create", 1), ("create", 1), ("update", 3), ("delete", 0)),
    "create, two updates": (("create", 1), ("update", 3), ("update", 2)),
}
WEAKENINGS = [
    "the expiry check of the record",
    "keeping the attempt when the answer to the record is unknown",
    "waiting for the events before the expiry",
    "leaving the other attempts open at an event",
    "leaving the attempts open at a deletion",
    "leaving recorded items alone at a release",
]
(NO_EXPIRY_CHECK, RELEASE_WHEN_UNKNOWN, EXPIRE_UNSEEN, CLOSE_ALL_ATTEMPTS, CLOSE_ALL_AT_DELETION,
 RELEASE_RECORDED) = WEAKENINGS

# now: log time (the last id given) · order: (version, quantity) or None · created: the create's request record exists
# log: entries (id, version, quantity, attempt) · recorded: inventory's (version, quantity)
# attempts: open ones (process, quantity, expire) · seen: entries applied by inventory
# position: log time up to which it has seen everything · actors: (step, version read, expire)
State = namedtuple("State", "now order created log recorded attempts seen position actors")
DONE = ("done", 0, 0)


def first(processes):
    return State(0, None, False, (), (0, 0), (), 0, 0, (("start", 0, 0),) * len(processes))


def held(recorded, attempts):
    return max([recorded[1]] + [quantity for _, quantity, _ in attempts])


def without(attempts, process):
    return tuple(a for a in attempts if a[0] != process)


def next_ids(s):
    return [t for t in (s.now + 1, s.now + 3) if t <= LAST_ID]


def step(s, process, actor, **changes):
    return s._replace(actors=s.actors[:process] + (actor,) + s.actors[process + 1:], **changes)


def reserve(s, process, quantity, version):
    for grace in (1, 3):
        attempts = s.attempts + ((process, quantity, s.now + grace),)
        if held(s.recorded, attempts) <= STOCK:
            yield step(s, process, ("reserved", version, s.now + grace), attempts=attempts)
        else:
            yield step(s, process, DONE)


def record(s, process, quantity, refused, version, weakening):
    for t in next_ids(s):
        expired = t >= s.actors[process][2] and weakening != NO_EXPIRY_CHECK
        if refused or expired:  # definite: release the own attempt
            recorded = s.recorded
            if weakening == RELEASE_RECORDED and quantity == recorded[1]:
                recorded = (recorded[0], 0)
            yield step(s, process, DONE, attempts=without(s.attempts, process), recorded=recorded)
            continue
        changes = dict(now=t, order=(version, quantity), created=True, log=s.log + ((t, version, quantity, process),))
        yield step(s, process, DONE, **changes)  # answered, or the answer was lost
        if weakening == RELEASE_WHEN_UNKNOWN:
            yield step(s, process, DONE, attempts=without(s.attempts, process), **changes)


def give_up(s, process):
    """Before the record is sent, whatever has become of the reservation: it can't be made any more."""
    yield step(s, process, DONE, attempts=without(s.attempts, process))


def process_states(s, process, kind, quantity, weakening):
    at, version, _ = s.actors[process]
    if at == "reserved":
        yield from give_up(s, process)
    if kind == "create" and at == "start":
        yield from reserve(s, process, quantity, 0)
    elif kind == "create" and at == "reserved":
        yield from record(s, process, quantity, s.created or s.order, 1, weakening)
    elif kind == "update" and at == "start" and s.order:
        yield step(s, process, ("read", s.order[0], 0))
    elif kind == "update" and at == "read":
        yield from reserve(s, process, quantity, version)
    elif kind == "update" and at == "reserved":
        refused = not s.order or s.order[0] != version
        yield from record(s, process, quantity, refused, version + 1, weakening)
    elif kind == "delete" and s.order:
        for t in next_ids(s):
            yield step(s, process, DONE, now=t, order=None, log=s.log + ((t, s.order[0] + 1, 0, None),))
    elif kind == "forget" and s.created:
        yield step(s, process, DONE, created=False)


def consumer_states(s, weakening):
    if s.seen < len(s.log):  # inventory applies the next entry
        t, version, quantity, process = s.log[s.seen]
        close_all = weakening == CLOSE_ALL_ATTEMPTS or weakening == CLOSE_ALL_AT_DELETION and process is None
        attempts = () if close_all else without(s.attempts, process)
        yield s._replace(recorded=(version, quantity), attempts=attempts, seen=s.seen + 1, position=t)
    else:  # tick, then found nothing left to read
        for t in [s.now] + next_ids(s):
            if t > s.position:
                yield s._replace(now=t, position=t)
    for attempt in s.attempts:
        if attempt[2] <= (max(s.position, s.now) if weakening == EXPIRE_UNSEEN else s.position):
            yield s._replace(attempts=tuple(a for a in s.attempts if a is not attempt))


def next_states(s, processes, weakening):
    for process, (kind, quantity) in enumerate(processes):
        if s.actors[process][0] != "done":
            yield step(s, process, DONE)  # killed, stopped for ever, or gave up
            yield from process_states(s, process, kind, quantity, weakening)
    for t in next_ids(s):
        yield s._replace(now=t)  # another entity's append
    yield from consumer_states(s, weakening)


def violation(s):
    hold = held(s.recorded, s.attempts)
    quiet = all(a == DONE for a in s.actors) and s.seen == len(s.log) and not s.attempts
    if s.order and hold < s.order[1]:
        return "an order without its stock"
    if hold > STOCK:
        return "negative stock"
    if quiet and hold != (s.order[1] if s.order else 0):
        return "leaked stock"
    return None
