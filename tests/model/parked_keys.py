# SPDX-License-Identifier: Apache-2.0
"""The parking of a key's events and its repair (docs/guarantees.md, "Consumers"; services/runtime/consumer/dead_letters.h).

Three events of one key; the first can't be handled until its cause is mended. The consumer handles or parks each by what it
has read of the set of parked keys, commits, may die after any step, and takes empty lists off the register. An operator
repairs, in the order of the scenario, at any moment: "mend" the cause, "take" the first entry off the list and handle it,
"drop" the list, "free" the key (SREM).

Checked in every state: an event is parked behind another only while its key is parked, and handled only while it is not;
every event that was committed is handled once, or lies in the list, or was dropped by the operator; and a status counts
what lies in the list.
"""
from collections import namedtuple

EVENTS = 3
SCENARIOS = {
    "as documented": ("mend", "take", "take", "free"),
    "freed first": ("mend", "free", "take", "take"),
    "freed in between": ("mend", "take", "free", "take"),
    "dropped": ("mend", "drop", "free"),
    "freed, then dropped": ("mend", "free", "drop"),
}
WEAKENINGS = [
    "deciding in the commit whether the key is parked",
    "counting the lists of keys that are not parked",
    "registering the list together with its entry",
    "the check that a list is empty when it is taken off the register",
]
BELIEVE_WHAT_WAS_READ, COUNT_PARKED_KEYS, REGISTER_LATER, TIDY_UNCHECKED = WEAKENINGS

# position: events committed · member: the key is parked · list: its entries · registered: the list is
# handled, dropped: events · mended: the cause is · wrong: what a commit did that it must not · repairs: how many are done
# believed: what the consumer has read of `member`; None: nothing · tidying: it has seen an empty list
# counts: what a status that is asked now counts
State = namedtuple("State", "position member list registered handled dropped mended wrong repairs believed tidying counts")


def first(processes):
    return State(0, False, (), False, (), (), False, None, 0, None, False, 0)


def park(s, weakening, **changes):
    return s._replace(position=s.position + 1, list=s.list + (s.position,),
                      registered=s.registered or weakening != REGISTER_LATER, **changes)


def consume(s, weakening):
    if s.believed is None:
        return s._replace(believed=s.member, registered=s.registered or bool(s.list and weakening == REGISTER_LATER))
    if s.believed != s.member and weakening != BELIEVE_WHAT_WAS_READ:
        return s._replace(believed=None)  # refused: nothing is changed, the set is read again
    if s.believed:
        return park(s, weakening, wrong=None if s.member else "parked behind a key that is free")
    if s.position == 0 and not s.mended:
        return park(s, weakening, member=True, believed=True)
    return s._replace(position=s.position + 1, handled=s.handled + (s.position,),
                      wrong="handled though its key is parked" if s.member else None)


def repair(s, what):
    done = s._replace(repairs=s.repairs + 1)
    if what == "mend":
        return done._replace(mended=True)
    if what == "free":
        return done._replace(member=False)
    if what == "drop":
        return done._replace(list=(), dropped=s.dropped + s.list)
    return done._replace(list=s.list[1:], handled=s.handled + s.list[:1])


def moves(s, processes, weakening):
    if s.position < EVENTS:
        yield consume(s, weakening)
    yield s._replace(believed=None, tidying=False)  # it dies
    if s.repairs < len(processes) and s.position > 0:
        yield repair(s, processes[s.repairs])
    if s.registered and not s.list:
        yield s._replace(tidying=True)
    if s.tidying:
        yield s._replace(tidying=False, registered=s.registered and bool(s.list) and weakening != TIDY_UNCHECKED)


def next_states(s, processes, weakening):
    for following in moves(s, processes, weakening):
        counted = following.member or (following.registered and weakening != COUNT_PARKED_KEYS)
        yield following._replace(counts=len(following.list) if counted else 0)


def violation(s):
    if s.wrong:
        return s.wrong
    if sorted(s.handled + s.dropped + s.list) != list(range(s.position)):
        return "an event is lost, or handled twice"
    if s.counts != len(s.list):
        return "an event lies parked and is not counted"
    return None
