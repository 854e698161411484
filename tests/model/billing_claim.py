# SPDX-License-Identifier: Apache-2.0
"""The claim of an order for its billing (docs/architecture.md, "Reservations and claims are leases in log time"; proto/ordershop/internal/v1/order_claim.proto).

Billings of one order, several tries of one billing id among them, an update and a delete of the order and the deletion of a
billing run against the order's consumer of billing events. Any of them may stop for ever after any step, the clock may jump,
other entities' appends move log time. A billing that was deleted can be made again with the same id only when its request
record is gone, long after all have heard of the deletion: not modelled.

Checked in every state: at most one billing of an order; while it lives, the order is there, with the total that was billed,
is not listed as unbilled, and belongs to that billing; and when all is quiet: an order is listed as unbilled if and only if
it has no billing (no claim is leaked).
"""
from collections import namedtuple

LAST_ID = 6
SCENARIOS = {
    "two billings, update": (("bill", 1), ("bill", 2), ("update", 0)),
    "two tries of a billing, update": (("bill", 1), ("bill", 1), ("update", 0)),
    "two tries of a billing that is deleted, update": (("bill", 1), ("bill", 1), ("unbill", 1), ("update", 0)),
    "two billings, one deleted, delete order": (("bill", 1), ("unbill", 1), ("bill", 2), ("delete", 0)),
}
WEAKENINGS = [
    "the expiry check of the record",
    "keeping the claim when the answer to the record is unknown",
    "waiting for the events before the expiry",
    "moving the clock when the record is refused as expired",
    "the comparison of the expiry at a release",
    "the later expiry when a claim is repeated",
    "the exclusion of other billings while a claim is open",
    "the exclusion of updates and deletions while a claim is open",
    "the permanence of a claim whose billing is recorded",
    "freeing the order when its billing is deleted",
]
(NO_EXPIRY_CHECK, RELEASE_WHEN_UNKNOWN, EXPIRE_UNSEEN, REFUSE_UNSEEN, RELEASE_ANY_EXPIRY, EXTEND_TO_LATEST, CLAIM_CLAIMED, CHANGE_CLAIMED,
 EXPIRE_PERMANENT, KEEP_WHEN_DELETED) = WEAKENINGS

# now: billing's log time (the last id given) · order: its total, or None · claim: (billing, expire or PERMANENT) or None
# billings: those that live (billing, amount) · made: billing ids with a request record
# log: entries (id, "created" or "deleted", billing) · seen: entries applied by the order service
# position: log time up to which it has seen everything · actors: (step, expire, total)
State = namedtuple("State", "now order claim billings made log seen position actors")
DONE = ("done", 0, 0)
PERMANENT = LAST_ID + 100


def first(processes):
    return State(0, 5, None, (), frozenset(), (), 0, 0, (("start", 0, 0),) * len(processes))


def next_ids(s):
    return [t for t in (s.now + 1, s.now + 3) if t <= LAST_ID]


def step(s, process, actor, **changes):
    return s._replace(actors=s.actors[:process] + (actor,) + s.actors[process + 1:], **changes)


def claim_states(s, process, billing, weakening):
    """ClaimOrder: its expiry was chosen before, it may arrive late."""
    expire = s.actors[process][1]
    if s.order is None:
        yield step(s, process, DONE)
        return
    mine = s.claim is not None and s.claim[0] == billing
    open_claim = s.claim is not None and s.claim[1] != PERMANENT
    if s.claim is not None and not mine and not (open_claim and weakening == CLAIM_CLAIMED):
        yield step(s, process, DONE)  # ORDER_CLAIMED, ORDER_BILLED
        return
    if mine and s.claim[1] == PERMANENT:
        claim = s.claim
    elif mine and weakening != EXTEND_TO_LATEST:
        claim = (billing, max(expire, s.claim[1]))
    else:
        claim = (billing, expire)
    yield step(s, process, ("claimed", expire, s.order), claim=claim)


def record_states(s, process, billing, weakening):
    _, expire, total = s.actors[process]
    for t in next_ids(s):
        if billing in s.made:  # the first answer again, or a refusal: the claim is that try's
            yield step(s, process, DONE)
        elif t >= expire and weakening != NO_EXPIRY_CHECK:
            # Other tries must be refused from now on, too: the log must not go back behind t.
            yield step(s, process, ("refused", expire, 0), now=s.now if weakening == REFUSE_UNSEEN else t)
        else:
            changes = dict(now=t, billings=s.billings + ((billing, total),), made=s.made | {billing},
                           log=s.log + ((t, "created", billing),))
            yield step(s, process, DONE, **changes)  # answered, or the answer was lost
            if weakening == RELEASE_WHEN_UNKNOWN:
                yield step(s, process, ("refused", expire, 0), **changes)


def release_states(s, process, billing, weakening):
    expire = s.actors[process][1]
    same = s.claim is not None and s.claim[0] == billing and s.claim[1] != PERMANENT
    same = same and (s.claim[1] == expire or weakening == RELEASE_ANY_EXPIRY)
    yield step(s, process, DONE, claim=None if same else s.claim)


def bill_states(s, process, billing, weakening):
    at = s.actors[process][0]
    if at == "start":
        for grace in (1, 3):
            yield step(s, process, ("claiming", s.now + grace, 0))
    elif at == "claiming":
        yield from claim_states(s, process, billing, weakening)
    elif at == "claimed":
        yield from record_states(s, process, billing, weakening)
    elif at == "refused":
        yield from release_states(s, process, billing, weakening)


def process_states(s, process, kind, billing, weakening):
    changeable = s.claim is None or weakening == CHANGE_CLAIMED and s.claim[1] != PERMANENT
    if kind == "bill":
        yield from bill_states(s, process, billing, weakening)
    elif kind == "update" and s.order is not None and changeable:
        yield step(s, process, DONE, order=s.order + 1)
    elif kind == "delete" and s.order is not None and changeable:
        yield step(s, process, DONE, order=None)
    elif kind == "unbill":
        for t in next_ids(s):
            left = tuple(b for b in s.billings if b[0] != billing)
            if left != s.billings:
                yield step(s, process, DONE, now=t, billings=left, log=s.log + ((t, "deleted", billing),))


def consumer_states(s, weakening):
    if s.seen < len(s.log):  # the order service applies the next entry
        t, what, billing = s.log[s.seen]
        claim = s.claim
        if s.order is not None and what == "created":
            claim = (billing, PERMANENT)
        elif claim is not None and claim[0] == billing and weakening != KEEP_WHEN_DELETED:
            claim = None
        yield s._replace(claim=claim, seen=s.seen + 1, position=t)
    else:  # tick, then found nothing left to read
        for t in [s.now] + next_ids(s):
            if t > s.position:
                yield s._replace(now=t, position=t)
    if s.claim is not None:
        expire = 0 if s.claim[1] == PERMANENT and weakening == EXPIRE_PERMANENT else s.claim[1]
        if expire <= (max(s.position, s.now) if weakening == EXPIRE_UNSEEN else s.position):
            yield s._replace(claim=None)


def next_states(s, processes, weakening):
    for process, (kind, billing) in enumerate(processes):
        if s.actors[process][0] != "done":
            yield step(s, process, DONE)  # killed, stopped for ever, or gave up
            yield from process_states(s, process, kind, billing, weakening)
    for t in next_ids(s):
        yield s._replace(now=t)  # another entity's append
    yield from consumer_states(s, weakening)


def violation(s):
    if len(s.billings) > 1:
        return "two billings of an order"
    if s.billings:
        billing, amount = s.billings[0]
        if s.order is None:
            return "a billed order was deleted"
        if s.order != amount:
            return "a billed order changed"
        if s.claim is None:
            return "a billed order is listed as unbilled"
        if s.claim[0] != billing:
            return "a billed order is claimed by another billing"
    quiet = all(a == DONE for a in s.actors) and s.seen == len(s.log)
    if quiet and s.claim is not None and s.claim[1] == PERMANENT and not s.billings:
        return "a leaked claim"  # one that is open ends by expiring
    return None
