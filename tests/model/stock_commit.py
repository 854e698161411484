# SPDX-License-Identifier: Apache-2.0
"""How a change of stock is decided outside of Redis and committed there (services/inventory/stock_change.h), for one order, a
second one, and their product's inventory.

A command reads what it decides on, or takes it from a command of its own process that was sent and not answered yet, or for
what was stored at some time before: its process has kept that, or it presumes that nothing was reserved yet. It then
sends one transaction, which Redis carries out, at any time and in any order, only if everything that was decided on is stored
just as it was when it was decided on. Otherwise nothing is changed, and the command begins again. A refusal for lack of stock
is sent likewise, as a transaction without changes. Two consumers believe that they are to apply the events of orders: one of
them was stopped and woke up. An inventory is deleted and made anew. Any of them may stop for ever after any step, or wait as
long as it likes, so that nothing here relies on the processes' giving way to each other (services/inventory/stock_precedence.h).
Its being carried out at once is what stock_lease.py takes each change for.

Checked in every state: amount and reserved amount are what the orders leave and hold; no refusal for lack of stock where there
was enough; and what is recorded of the order is what the last event that was applied says.
"""
from collections import namedtuple

STOCK = 3
SCENARIOS = {
    "three commands": (("reserve", 2), ("release", 0), ("other", 2)),
    "commands build on each other": (("other", 1), ("other", 1), ("adjust", 1)),
    "the last unit": (("reserve", 3), ("other", 2), ("adjust", -1)),
    "an inventory is made anew": (("remake", 0), ("other", 1), ("adjust", 1)),
    "two consumers and a command": (("reserve", 3), ("settle", 0), ("settle", 0)),
}
EVENTS = (1, 2, 1)  # what each says is recorded; they are there from the beginning
TRIES = 2  # of a command; a consumer begins anew after each event
WEAKENINGS = [
    "the comparison of the inventory",
    "the comparison of more than the inventory's version",
    "the comparison of the reservation",
    "the comparison of the position",
    "the transaction of a refusal",
]
ANY_INVENTORY, ANY_LIFE, ANY_RESERVATION, ANY_POSITION, REFUSE_AT_ONCE = WEAKENINGS

# inventory: (version, amount, reserved, life) · reservation: (recorded, open attempts' quantities)
# other: what the second order holds · total: amount and reserved amount together · position: events applied
# actors: ("start", tries left), ("decided", tries left, change), or DONE · past: inventories and reservations that were stored
State = namedtuple("State", "inventory reservation other total position wrong actors past")
# A transaction: what it expects, and what it makes of it. None: neither compared nor changed.
Change = namedtuple("Change", "inventory reservation position next_inventory next_reservation next_position other total short",
                    defaults=(None, None, None, None, None, None, 0, 0, False))
START, DONE = ("start", TRIES), ("done",)


def first(processes):
    return State((1, STOCK, 0, 0), (0, ()), 0, STOCK, 0, None, (START,) * len(processes), frozenset())


def step(s, process, actor, **changes):
    return s._replace(actors=s.actors[:process] + (actor,) + s.actors[process + 1:], **changes)


def held(reservation):
    return max((reservation[0],) + reservation[1])


def moved(inventory, need):
    version, amount, reserved, life = inventory
    return (version + 1, amount - need, reserved + need, life)


def sights(s):
    """What a command may take the inventory and the reservation for: what is stored, or was, or what another has sent."""
    sent = [a[2] for a in s.actors if a[0] == "decided"]
    inventories = {s.inventory} | {c.next_inventory for c in sent if c.next_inventory}
    reservations = {s.reservation} | {c.next_reservation for c in sent if c.next_reservation}
    inventories |= {past for kind, past in s.past if kind == "inventory"}
    reservations |= {past for kind, past in s.past if kind == "reservation"}
    return [(i, r) for i in inventories for r in reservations]


def reservation_change(inventory, reservation, following, **more):
    need = held(following) - held(reservation)
    if need > inventory[1]:
        return Change(inventory, reservation, short=True)
    if need == 0:
        return Change(None, reservation, next_reservation=following, **more)
    return Change(inventory, reservation, next_inventory=moved(inventory, need), next_reservation=following, **more)


def decide(s, kind, number, inventory, reservation):
    recorded, attempts = reservation
    if kind == "reserve":
        return reservation_change(inventory, reservation, (recorded, tuple(sorted(attempts + (number,)))))
    if kind == "release":
        return reservation_change(inventory, reservation, (recorded, attempts[1:]))
    if kind == "settle":
        if s.position == len(EVENTS):
            return None
        return reservation_change(inventory, reservation, (EVENTS[s.position], attempts), position=s.position,
                                  next_position=s.position + 1)
    if kind == "other":
        if number > inventory[1]:
            return Change(inventory, short=True)
        return Change(inventory, next_inventory=moved(inventory, number), other=number)
    version, amount, reserved, life = inventory
    if kind == "adjust":
        if amount + number < 0:
            return Change(inventory, short=True)
        return Change(inventory, next_inventory=(version + 1, amount + number, reserved, life), total=number)
    return Change(inventory, next_inventory=(1, STOCK, 0, life + 1), total=STOCK - amount) if reserved == 0 else None


def holds(s, change, weakening):
    inventory = change.inventory in (None, s.inventory) or weakening == ANY_INVENTORY
    if weakening == ANY_LIFE and change.inventory:
        inventory = change.inventory[0] == s.inventory[0]
    return (inventory and (change.reservation in (None, s.reservation) or weakening == ANY_RESERVATION)
            and (change.position in (None, s.position) or weakening == ANY_POSITION))


def carry_out(s, process, tries, change, again, weakening):
    refused = step(s, process, ("start", tries - 1))
    if change.short:
        if not holds(s, change, weakening) and weakening != REFUSE_AT_ONCE:
            return refused
        enough = decide(s, *again, s.inventory, s.reservation)
        return step(s, process, DONE, wrong=None if enough.short else "refused though there is enough")
    if not holds(s, change, weakening):
        return refused
    position = s.position if change.next_position is None else change.next_position
    past = {("inventory", s.inventory)} if change.next_inventory else set()
    past |= {("reservation", s.reservation)} if change.next_reservation else set()
    return step(s, process, DONE if again[0] != "settle" else START, other=s.other + change.other, total=s.total + change.total,
                inventory=change.next_inventory or s.inventory, reservation=change.next_reservation or s.reservation,
                position=position, past=s.past | past, wrong="an event was applied again" if position < s.position else None)


def next_states(s, processes, weakening):
    for process, (kind, number) in enumerate(processes):
        actor = s.actors[process]
        if actor == DONE:
            continue
        yield step(s, process, DONE)  # killed, stopped for ever, gave up, or its transaction never arrived
        if actor[0] == "decided":
            yield carry_out(s, process, *actor[1:], (kind, number), weakening)
        elif actor[1] > 0:
            for inventory, reservation in sights(s):
                change = decide(s, kind, number, inventory, reservation)
                if change:
                    yield step(s, process, ("decided", actor[1], change))


def violation(s):
    _, amount, reserved, _ = s.inventory
    if s.wrong:
        return s.wrong
    if amount < 0 or reserved < 0:
        return "negative stock"
    if reserved != held(s.reservation) + s.other:
        return "the reserved amount is not what the orders hold"
    if amount + reserved != s.total:
        return "the stock is more or less than there is"
    if s.position and s.reservation[0] != EVENTS[s.position - 1]:
        return "what is recorded is not what the last event says"
    return None
