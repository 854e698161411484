# SPDX-License-Identifier: Apache-2.0
"""The stock lease (stock_lease.py) where orders and stock lie in two Redises, each with a log and a clock of its own
(docs/scale.md, "With a Redis for each service"), for one order and a stock of 3.

A reservation is made in the stock's Redis, and recorded in the orders' Redis before its expiry, a log time of the orders'.
Inventory's consumer asks the orders' clock, reads the orders' log to its end, applies it to the stock, and drops what has
expired by then. Each append takes the next log time of its own Redis, or a later one, whatever the other's clock says: so
either of them may stand still, step back or run ahead. Other entities' appends move both clocks. A process may stop for ever
after any step. Which other rules the lease needs, stock_lease.py shows.

Checked in every state: no order without its stock, nothing negative; an event of either log has a later log time than the
events of the other one that it builds on; and when all is quiet: nothing leaked.
"""
from collections import namedtuple

STOCK, LAST_ID = 3, 5
SCENARIOS = {
    "create, delete, correction of the stock": (("create", 1), ("delete", 0), ("adjust", 0)),
    "create, update": (("create", 1), ("update", 3)),
    "two creates": (("create", 1), ("create", 3)),
}
WEAKENINGS = [
    "the expiry check of the record",
    "the orders' clock, and not the stock's, for the expiry",
    "asking for the orders' clock before their log is read",
    "passing the reservation's log time to the record",
    "passing the order's log time to the change of the stock",
    "moving the stock's clock for an order that changes no stock",
]
(NO_EXPIRY_CHECK, OWN_CLOCK, CLOCK_LAST, RECORD_WITHOUT_AFTER, APPLY_WITHOUT_AFTER, NOTHING_CHANGED) = WEAKENINGS

# order_clock, stock_clock: the last log time given by each Redis · order: (version, quantity) or None
# created: the create's request record exists · log: orders' entries (log time, version, quantity, attempt)
# recorded: inventory's quantity · attempts: open ones (process, quantity, expire) · seen: entries applied by inventory
# asked: the orders' clock that it was told before it reads on, or that there was nothing more; None if neither
# position: log time of the orders' log up to which it has seen everything
# actors: (step, version read, expire, the reservation's log time)
State = namedtuple("State", "order_clock stock_clock order created log recorded attempts seen asked position actors wrong")
DONE = ("done", 0, 0, 0)


def first(processes):
    return State(0, 0, None, False, (), 0, (), 0, None, 0, (("start", 0, 0, 0),) * len(processes), None)


def held(recorded, attempts):
    return max([recorded] + [quantity for _, quantity, _ in attempts])


def without(attempts, process):
    return tuple(a for a in attempts if a[0] != process)


def next_ids(clock, after=0):
    least = max(clock, after) + 1
    return [t for t in (least, least + 2) if t <= LAST_ID]


def step(s, process, actor, **changes):
    return s._replace(actors=s.actors[:process] + (actor,) + s.actors[process + 1:], **changes)


def stock_changes(s, after=0, **changes):
    """What follows from an append to the stock's log."""
    applied = s.log[s.seen - 1][0] if s.seen else 0
    for t in next_ids(s.stock_clock, after):
        wrong = "a change of the stock is before an order that it builds on" if t <= applied else None
        yield s._replace(stock_clock=t, wrong=wrong, **changes)


def reserve(s, process, quantity, version):
    for grace in (1, 3):
        expire = s.order_clock + grace
        attempts = s.attempts + ((process, quantity, expire),)
        if held(s.recorded, attempts) > STOCK:
            yield step(s, process, DONE)
            continue
        for after in stock_changes(s, attempts=attempts):
            yield step(after, process, ("reserved", version, expire, after.stock_clock))


def record(s, process, quantity, refused, version, weakening):
    _, _, expire, reserved = s.actors[process]
    for t in next_ids(s.order_clock, 0 if weakening == RECORD_WITHOUT_AFTER else reserved):
        if refused or t >= expire and weakening != NO_EXPIRY_CHECK:  # definite: the own attempt is given back
            clock = s.order_clock if refused else t  # no later try may be earlier
            yield step(s, process, DONE, order_clock=clock, attempts=without(s.attempts, process))
            continue
        wrong = "an order is recorded before its reservation" if t <= reserved else None
        yield step(s, process, DONE, order_clock=t, order=(version, quantity), created=True, wrong=wrong,
                   log=s.log + ((t, version, quantity, process),))


def process_states(s, process, kind, quantity, weakening):
    at, version = s.actors[process][:2]
    if kind == "create" and at == "start":
        yield from reserve(s, process, quantity, 0)
    elif kind == "create" and at == "reserved":
        yield from record(s, process, quantity, s.created or s.order, 1, weakening)
    elif kind == "update" and at == "start" and s.order:
        yield step(s, process, ("read", s.order[0], 0, 0))
    elif kind == "update" and at == "read":
        yield from reserve(s, process, quantity, version)
    elif kind == "update" and at == "reserved":
        refused = not s.order or s.order[0] != version
        yield from record(s, process, quantity, refused, version + 1, weakening)
    elif kind == "delete" and s.order:
        for t in next_ids(s.order_clock):
            yield step(s, process, DONE, order_clock=t, order=None, log=s.log + ((t, s.order[0] + 1, 0, None),))
    elif kind == "adjust":
        for after in stock_changes(s):
            yield step(after, process, DONE)


def apply(s, weakening):
    """Applies the next order event. If it changes the stock there is an event of that; otherwise only the clock moves."""
    t, _, quantity, process = s.log[s.seen]
    attempts = without(s.attempts, process)
    applied = s._replace(recorded=quantity, attempts=attempts, seen=s.seen + 1, position=max(s.position, t))
    if held(quantity, attempts) == held(s.recorded, s.attempts):
        clock = s.stock_clock if weakening == NOTHING_CHANGED else max(s.stock_clock, t)
        yield applied._replace(stock_clock=clock)
    else:
        yield from stock_changes(applied, 0 if weakening == APPLY_WITHOUT_AFTER else t)


def look_state(s, weakening):
    """Asks for the orders' clock, then for their log; or the other way round."""
    if weakening == CLOCK_LAST:
        if s.asked is None:
            return s._replace(asked="no more") if s.seen == len(s.log) else s
        return s._replace(asked=None, position=max(s.position, s.order_clock))
    if s.asked is None:
        return s._replace(asked=s.order_clock)
    return s._replace(asked=None, position=max(s.position, s.asked)) if s.seen == len(s.log) else s


def consumer_states(s, weakening):
    if s.seen < len(s.log):
        yield from apply(s, weakening)
    yield look_state(s, weakening)
    expired = max(s.position, s.stock_clock) if weakening == OWN_CLOCK else s.position
    for attempt in s.attempts:
        if attempt[2] <= expired:
            yield s._replace(attempts=tuple(a for a in s.attempts if a is not attempt))


def next_states(s, processes, weakening):
    for process, (kind, quantity) in enumerate(processes):
        if s.actors[process][0] != "done":
            yield step(s, process, DONE)  # killed, stopped for ever, or gave up
            yield from process_states(s, process, kind, quantity, weakening)
    for t in next_ids(s.order_clock):
        yield s._replace(order_clock=t)  # another entity's append, or a tick
    for t in next_ids(s.stock_clock):
        yield s._replace(stock_clock=t)
    yield from consumer_states(s, weakening)


def violation(s):
    hold = held(s.recorded, s.attempts)
    quiet = all(a == DONE for a in s.actors) and s.seen == len(s.log) and not s.attempts
    if s.wrong:
        return s.wrong
    if s.order and hold < s.order[1]:
        return "an order without its stock"
    if hold > STOCK:
        return "negative stock"
    if quiet and hold != (s.order[1] if s.order else 0):
        return "leaked stock"
    return None
