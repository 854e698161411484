# SPDX-License-Identifier: Apache-2.0
"""The claim of an order for its billing (billing_claim.py) where billings and orders lie in two Redises, each with a log and a
clock of its own (docs/scale.md, "With a Redis for each service").

An order is claimed in the orders' Redis, and billed in the billings' Redis before the claim's expiry, a log time of the
billings'. The order service's consumer asks the billings' clock, reads the billings' log to its end, makes claims permanent or
frees orders by it, and drops the claims that have expired by then. Each append takes the next log time of its own Redis, or a
later one, whatever the other's clock says: so either of them may stand still, step back or run ahead. Other entities' appends
move both clocks. A process may stop for ever after any step. Which other rules the claim needs, billing_claim.py shows.

Checked in every state: at most one billing of an order; while it lives, the order is there, with the total that was billed, and
claimed by it; an event of either log has a later log time than the events of the other one that it builds on; and when all is
quiet: no claim is leaked.
"""
from collections import namedtuple

LAST_ID = 4
SCENARIOS = {
    "a billing that is deleted, update": (("bill", 1), ("unbill", 1), ("update", 0)),
    "two billings, update": (("bill", 1), ("bill", 2), ("update", 0)),
    "two tries of a billing": (("bill", 1), ("bill", 1)),
}
WEAKENINGS = [
    "the expiry check of the record",
    "the billings' clock, and not the orders', for the expiry",
    "asking for the billings' clock before their log is read",
    "passing the order's log time to the record",
    "moving the orders' clock for a billing that frees an order",
]
(NO_EXPIRY_CHECK, OWN_CLOCK, CLOCK_LAST, RECORD_WITHOUT_AFTER, FREE_WITHOUT_AFTER) = WEAKENINGS

# billing_clock, order_clock: the last log time given by each Redis · order: (total, log time of its last event)
# claim: (billing, expire or PERMANENT) or None · billings: those that live (billing, amount)
# made: billing ids with a request record · log: billings' entries (log time, "created" or "deleted", billing)
# seen: entries applied by the order service · asked: the billings' clock that it was told before it reads on, or that there was
# nothing more; None if neither · position: log time of the billings' log up to which it has seen everything
# actors: (step, expire, the order that was claimed)
State = namedtuple("State", "billing_clock order_clock order claim billings made log seen asked position actors wrong")
DONE, NO_ORDER = ("done", 0, None), (0, 0)
PERMANENT = LAST_ID + 100


def first(processes):
    return State(0, 0, (5, 0), None, (), frozenset(), (), 0, None, 0, (("start", 0, NO_ORDER),) * len(processes), None)


def next_ids(clock, after=0):
    least = max(clock, after) + 1
    return [t for t in (least, least + 2) if t <= LAST_ID]


def step(s, process, actor, **changes):
    return s._replace(actors=s.actors[:process] + (actor,) + s.actors[process + 1:], **changes)


def claim_states(s, process, billing):
    """ClaimOrder tells the order as it is, and with it the log time of its last event."""
    expire = s.actors[process][1]
    if s.claim is not None and s.claim[0] != billing or s.claim == (billing, PERMANENT):
        yield step(s, process, DONE)  # ORDER_CLAIMED, ORDER_BILLED
        return
    latest = max(expire, s.claim[1]) if s.claim else expire
    yield step(s, process, ("claimed", expire, s.order), claim=(billing, latest))


def record_states(s, process, billing, weakening):
    _, expire, (total, ordered) = s.actors[process]
    for t in next_ids(s.billing_clock, 0 if weakening == RECORD_WITHOUT_AFTER else ordered):
        if billing in s.made:  # the first answer again, or a refusal: the claim is that try's
            yield step(s, process, DONE)
        elif t >= expire and weakening != NO_EXPIRY_CHECK:
            yield step(s, process, ("refused", expire, NO_ORDER), billing_clock=t)  # no later try may be earlier
        else:
            wrong = "a billing is recorded before the order that it bills" if t <= ordered else None
            yield step(s, process, DONE, billing_clock=t, billings=s.billings + ((billing, total),), wrong=wrong,
                       made=s.made | {billing}, log=s.log + ((t, "created", billing),))


def bill_states(s, process, billing, weakening):
    at, expire, _ = s.actors[process]
    if at == "start":
        for grace in (1, 3):
            yield step(s, process, ("claiming", s.billing_clock + grace, NO_ORDER))
    elif at == "claiming":
        yield from claim_states(s, process, billing)
    elif at == "claimed":
        yield from record_states(s, process, billing, weakening)
    elif at == "refused":
        yield step(s, process, DONE, claim=None if s.claim == (billing, expire) else s.claim)


def process_states(s, process, kind, billing, weakening):
    if kind == "bill":
        yield from bill_states(s, process, billing, weakening)
    elif kind == "update" and s.claim is None:
        applied = s.log[s.seen - 1][0] if s.seen else 0
        for t in next_ids(s.order_clock):
            wrong = "an order changes before the billing is deleted" if t <= applied else None
            yield step(s, process, DONE, order_clock=t, order=(s.order[0] + 1, t), wrong=wrong)
    elif kind == "unbill":
        for t in next_ids(s.billing_clock):
            left = tuple(b for b in s.billings if b[0] != billing)
            if left != s.billings:
                yield step(s, process, DONE, billing_clock=t, billings=left, log=s.log + ((t, "deleted", billing),))


def apply(s, weakening):
    """Applies the next event of a billing. There is no event of that, so the orders' clock is moved."""
    t, what, billing = s.log[s.seen]
    claim = (billing, PERMANENT) if what == "created" else s.claim
    if what == "deleted" and claim is not None and claim[0] == billing:
        claim = None
    clock = s.order_clock if weakening == FREE_WITHOUT_AFTER else max(s.order_clock, t)
    return s._replace(claim=claim, seen=s.seen + 1, position=max(s.position, t), order_clock=clock)


def look_state(s, weakening):
    """Asks for the billings' clock, then for their log; or the other way round."""
    if weakening == CLOCK_LAST:
        if s.asked is None:
            return s._replace(asked="no more") if s.seen == len(s.log) else s
        return s._replace(asked=None, position=max(s.position, s.billing_clock))
    if s.asked is None:
        return s._replace(asked=s.billing_clock)
    return s._replace(asked=None, position=max(s.position, s.asked)) if s.seen == len(s.log) else s


def consumer_states(s, weakening):
    if s.seen < len(s.log):
        yield apply(s, weakening)
    yield look_state(s, weakening)
    expired = max(s.position, s.order_clock) if weakening == OWN_CLOCK else s.position
    if s.claim is not None and s.claim[1] <= expired:
        yield s._replace(claim=None)


def next_states(s, processes, weakening):
    for process, (kind, billing) in enumerate(processes):
        if s.actors[process][0] != "done":
            yield step(s, process, DONE)  # killed, stopped for ever, or gave up
            yield from process_states(s, process, kind, billing, weakening)
    for t in next_ids(s.billing_clock):
        yield s._replace(billing_clock=t)  # another entity's append, or a tick
    for t in next_ids(s.order_clock):
        yield s._replace(order_clock=t)
    yield from consumer_states(s, weakening)


def violation(s):
    if s.wrong:
        return s.wrong
    if len(s.billings) > 1:
        return "two billings of an order"
    if s.billings:
        billing, amount = s.billings[0]
        if s.order[0] != amount:
            return "a billed order changed"
        if s.claim is None or s.claim[0] != billing:
            return "a billed order is not claimed by its billing"
    quiet = all(a == DONE for a in s.actors) and s.seen == len(s.log)
    if quiet and s.claim is not None and s.claim[1] == PERMANENT and not s.billings:
        return "a leaked claim"  # one that is open ends by expiring
    return None
