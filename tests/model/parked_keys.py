# SPDX-License-Identifier: Apache-2.0
"""The parking of a key's events and its repair (docs/guarantees.md, "Consumers"; services/runtime/consumer/dead_letters.h).

Three events of one key; the first can't be handled until its cause is mended. The consumer handles or parks each by what it
has read of the set of parked keys, commits, may die after any step, and takes empty lists off the register. An operator
repairs, in the order of the scenario, at any moment: "mend" the cause, "ask" for a retry of the key, "skip" the first entry
of the list that was looked at, which asks for a retry, too; or by hand: "take" the first entry off the list and handle it,
"drop" the list, "free" the key (SREM).

While a retry is asked for, the consumer drains: it reads the first entry of the list, handles it, and takes it off in the
commit of its effect; one that can't be handled ends the retry, and the key stays parked. An empty list frees the key, in
the step that finds it empty.

Checked in every state: an event is parked behind another only while its key is parked, and handled only while it is not,
or by a retry; every event that was committed is handled once, or lies in the list, or was dropped or skipped by the
operator; what retries handle is in order; and a status counts what lies in the list.
"""
from collections import namedtuple

EVENTS = 3
SCENARIOS = {
    "retried": ("mend", "ask"),
    "retried too early": ("ask", "mend", "ask"),
    "skipped": ("skip",),
    "skipped while it is retried": ("mend", "ask", "skip"),
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
    "taking a retried entry off in the commit of its effect",
    "the check that the list still begins with the entry that was retried",
    "the check that the list is empty when a retry frees its key",
]
(BELIEVE_WHAT_WAS_READ, COUNT_PARKED_KEYS, REGISTER_LATER, TIDY_UNCHECKED, TAKE_LATER, RETRY_UNCHECKED,
 FREE_UNCHECKED) = WEAKENINGS

# position: events committed · member: the key is parked · list: its entries · registered: the list is
# handled, dropped: events · mended: the cause is · wrong: what a commit did that it must not · repairs: how many are done
# asked: a retry is · head: the first entry that a retry has read, "empty" if there was none; None: not read
# looked: the same for the operator who skips it · taken: an entry that is handled and still to be taken off, by a weakening
# by_hand: the operator has handled or freed by hand, so that the order is his
# believed: what the consumer has read of `member`; None: nothing · tidying: it has seen an empty list
# counts: what a status that is asked now counts
State = namedtuple("State", "position member list registered handled dropped mended wrong repairs believed tidying counts "
                            "asked head looked taken by_hand")


def first(processes):
    return State(0, False, (), False, (), (), False, None, 0, None, False, 0, False, None, None, None, False)


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


def drain(s, weakening):
    """A step of the retry that is asked for: reads the first entry, or commits what became of it."""
    if s.head is None:
        return s._replace(head=s.list[0] if s.list else "empty")
    if s.head == "empty":
        if s.list and weakening != FREE_UNCHECKED:
            return s._replace(head=None)
        return s._replace(head=None, member=False, asked=False, registered=False)
    if s.list[:1] != (s.head,) and weakening != RETRY_UNCHECKED:
        return s._replace(head=None)  # refused: somebody has skipped it
    if s.head == 0 and not s.mended:
        return s._replace(head=None, asked=False)
    handled = s._replace(head=None, handled=s.handled + (s.head,))
    if weakening == TAKE_LATER:
        return handled._replace(taken=s.head)
    return handled._replace(list=s.list[1:])


def skip(s):
    """Looks at the first entry, then drops exactly that one."""
    if s.looked is None:
        return s._replace(looked=s.list[0] if s.list else "empty")
    done = s._replace(repairs=s.repairs + 1, looked=None)
    if s.list[:1] != (s.looked,):
        return done  # refused
    return done._replace(list=s.list[1:], dropped=s.dropped + s.list[:1], asked=True)


def repair(s, what):
    if what == "skip":
        return skip(s)
    done = s._replace(repairs=s.repairs + 1)
    if what == "ask":
        return done._replace(asked=True, member=True) if s.list or s.member else done
    if what == "mend":
        return done._replace(mended=True)
    if what == "free":
        return done._replace(member=False, by_hand=True)
    if what == "drop":
        return done._replace(list=(), dropped=s.dropped + s.list, by_hand=True)
    return done._replace(list=s.list[1:], handled=s.handled + s.list[:1], by_hand=True)


def moves(s, processes, weakening):
    if s.taken is not None:
        yield s._replace(taken=None, list=s.list[1:])
    elif s.asked:
        yield drain(s, weakening)
    if s.position < EVENTS and s.taken is None:
        yield consume(s, weakening)
    yield s._replace(believed=None, tidying=False, head=None, taken=None)  # it dies
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
    if s.handled != tuple(sorted(s.handled)) and not s.by_hand:
        return "events are handled out of their order"
    if s.counts != len(s.list):
        return "an event lies parked and is not counted"
    return None
