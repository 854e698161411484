# SPDX-License-Identifier: Apache-2.0
"""The rebuild of a view beside the live one (services/runtime/consumer/view_rebuild.h).

A view counts the events of the log. Something outside has made it wrong. Processes take the lead one after another; one that
has lost it doesn't know yet, and goes on. A leader handles events: it reads the row, and commits the row that follows
together with its position. Between batches it does steps of the job: drops what others have built, reads the row that
is built, and commits the one that follows, and when that has come to its own position, ends: what was built takes the
live row's place. Commits, drops and ends are one step in Redis each. Any process may die between any two steps, and another
one begins the job anew.

Checked in every state: the live view is as wrong as it was, or right, at its position, and right when the job has
ended.
"""
from collections import namedtuple

EVENTS = 2
WRONG_BY = 5
SCENARIOS = {"one process": 1, "two processes": 2}
WEAKENINGS = [
    "the leader's epoch in the commits of what is built",
    "dropping what others have built",
    "the leader's epoch in the end",
    "steps between batches only",
    "coming to where the live view is before the end",
]
UNFENCED_BUILD, NO_DROP, UNFENCED_END, BESIDE_BATCHES, NOT_CAUGHT_UP = WEAKENINGS

# Redis: epoch: the lease's · row, position: the live view · built: the row beside it, None: not there · done: the job is
# terms: how many there have been
State = namedtuple("State", "epoch row position built done terms processes")
# epoch: of the term it believes to have, 0: none · position: as far as it knows · read: the live row, None: no batch is
# in hand · stage: of the job · applied: to what is built, as far as it knows · seen: of what is built
Process = namedtuple("Process", "epoch position read stage applied seen")
IDLE = Process(0, 0, None, "none", 0, None)
TERMS = 3


def first(processes):
    return State(0, WRONG_BY, 0, None, False, 0, (IDLE,) * processes)


def batch(s, p, weakening):
    """The next step of the leader's batch: (state, process), or None."""
    if p.read is None:
        return (s, p._replace(read=s.row)) if p.position < EVENTS else None
    if s.epoch != p.epoch:
        return s, IDLE
    return (s._replace(row=p.read + 1, position=p.position + 1), p._replace(read=None, position=p.position + 1))


def drop(s, p, weakening):
    begun = p._replace(stage="building", applied=0, seen=None)
    if weakening == NO_DROP:
        return s, begun
    return (s._replace(built=None), begun) if s.epoch == p.epoch else (s, IDLE)


def build(s, p, weakening):
    if p.seen is None:
        return s, p._replace(seen=s.built or 0)
    if s.epoch != p.epoch and weakening != UNFENCED_BUILD:
        return s, IDLE
    return s._replace(built=p.seen + 1), p._replace(applied=p.applied + 1, seen=None)


def end(s, p, weakening):
    if s.epoch != p.epoch and weakening != UNFENCED_END:
        return s, IDLE
    return s._replace(row=s.built or 0, built=None, done=True), p._replace(stage="none", applied=0)


def job(s, p, weakening):
    """The next step of the job: (state, process), or None."""
    if p.read is not None and weakening != BESIDE_BATCHES:
        return None
    if p.stage == "none":
        return None if s.done else drop(s, p, weakening)
    if p.applied < p.position or p.seen is not None:
        if weakening == NOT_CAUGHT_UP and p.seen is None and p.applied > 0:
            return end(s, p, weakening)
        return build(s, p, weakening)
    return end(s, p, weakening)


def next_states(s, processes, weakening):
    for i, p in enumerate(s.processes):
        def put(state, process, i=i):
            return state._replace(processes=state.processes[:i] + (process,) + state.processes[i + 1:])
        if p.epoch == 0:
            if s.terms < TERMS:  # it takes the lead, of whoever has it
                taken = s._replace(epoch=s.epoch + 1, terms=s.terms + 1)
                yield put(taken, IDLE._replace(epoch=taken.epoch, position=s.position))
            continue
        yield put(s, IDLE)  # it dies
        for step in (batch(s, p, weakening), job(s, p, weakening)):
            if step:
                yield put(*step)


def violation(s):
    wrong_by = s.row - s.position
    if s.done and wrong_by != 0:
        return "the view is wrong after its rebuild"
    if not s.done and wrong_by != WRONG_BY:
        return "the live view has been changed by a rebuild that has not ended"
    return None
