# SPDX-License-Identifier: Apache-2.0
"""The terms of a consumer (docs/guarantees.md, "Consumers"; services/runtime/consumer/leader.h): why each has an epoch of its own.

A replica takes an epoch of the lease, reads the stored position, and commits one event after the other: the effect and the
position in one function, which requires the epoch. Another replica may take the lease at any time, as when it has run out. Each
function is sent, carried out and answered in steps of its own; an answer may be lost, and a function whose answer was lost may
still be carried out much later, as when the network or a proxy holds it back. After a lost answer, or a refusal, the replica
begins a new term.

Checked in every state: each event before the stored position has had its effect once, and no other has had any.
"""
from collections import namedtuple

EVENTS, EPOCHS, LATE = 2, 5, 2
SCENARIOS = {"one replica": ("replica",), "two replicas": ("replica", "replica")}
WEAKENINGS = [
    "an epoch of its own for a term of the same holder",
    "the guard on the epoch",
    "reading the position after taking the epoch",
]
SAME_EPOCH, NO_GUARD, READ_FIRST = WEAKENINGS

# epoch, holder: of the lease · position: events applied · effects: of each event
# actors: (phase, epoch, position) · late: functions whose answers were lost: ("take", replica) or ("commit", epoch, position)
State = namedtuple("State", "epoch holder position effects actors late")
BEGIN = ("begin", 0, None)


def first(processes):
    return State(0, None, 0, (0,) * EVENTS, (BEGIN,) * len(processes), ())


def actor(s, number, *what):
    return s._replace(actors=s.actors[:number] + (what,) + s.actors[number + 1:])


def take(s, replica, weakening):
    """The function that takes the lease, and its answer: the epoch."""
    if weakening == SAME_EPOCH and s.holder == replica:
        return s, s.epoch
    return s._replace(epoch=s.epoch + 1, holder=replica), s.epoch + 1


def commit(s, epoch, position, weakening):
    """The function that applies an event, and its answer: whether it did."""
    if s.epoch != epoch and weakening != NO_GUARD:
        return s, False
    effects = s.effects[:position] + (s.effects[position] + 1,) + s.effects[position + 1:]
    return s._replace(position=position + 1, effects=effects), True


def lose(s, number, function):
    """The answer is lost, and the function is not carried out yet, or never will be."""
    if len(s.late) < LATE:
        yield actor(s, number, *BEGIN)._replace(late=s.late + (function,))


def moves(s, number, weakening):
    phase, epoch, position = s.actors[number]
    if phase == "begin" and weakening == READ_FIRST:
        yield actor(s, number, "has read", 0, s.position)
    elif phase in ("begin", "has read") and s.epoch < EPOCHS:
        taken, epoch = take(s, number, weakening)
        yield actor(taken, number, "taken", epoch, position)
        yield actor(taken, number, *BEGIN)  # the answer is lost
        yield from lose(s, number, ("take", number))
    elif phase == "taken":
        yield actor(s, number, "works", epoch, s.position if position is None else position)
    elif phase == "works" and position < EVENTS:
        yield actor(s, number, "sent", epoch, position)
    elif phase == "sent":
        after, done = commit(s, epoch, position, weakening)
        yield actor(after, number, "works", epoch, position + 1) if done else actor(after, number, *BEGIN)
        yield actor(after, number, *BEGIN)  # the answer is lost
        yield from lose(s, number, ("commit", epoch, position))


def next_states(s, processes, weakening):
    for number in range(len(processes)):
        yield from moves(s, number, weakening)
    for i, (what, *arguments) in enumerate(s.late):
        if what == "take" and s.epoch == EPOCHS:
            continue
        after = take(s, *arguments, weakening)[0] if what == "take" else commit(s, *arguments, weakening)[0]
        yield after._replace(late=s.late[:i] + s.late[i + 1:])


def violation(s):
    wanted = (1,) * s.position + (0,) * (EVENTS - s.position)
    return None if s.effects == wanted else f"{s.position} events are applied, their effects are {s.effects}"
