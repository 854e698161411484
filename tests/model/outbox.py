# SPDX-License-Identifier: Apache-2.0
"""The outbox (docs/guarantees.md, "Consumers"; services/runtime/consumer/outbox_list.h): how messages leave the list in Redis.

The commits of a leader push three messages. It remembers what they have pushed, so that it need not read the list before it
delivers; what the peer has taken is removed by a function that names it. Each function is sent, carried out and answered in
steps of its own; an answer may be lost, and a function whose answer was lost may still be carried out much later. The leader
may die after any step: its successor knows nothing. The list is read by another connection than that of the functions. An
operator may take the first message off.

Checked in every state: a message that is no longer in the list was taken by the peer, or by the operator; and a leader that
believes it knows the whole list does, when nothing is under way.
"""
from collections import namedtuple

MESSAGES, PAGE = 3, 2
SCENARIOS = {"nobody else touches the list": (), "an operator takes a message off": ("operator",)}
WEAKENINGS = [
    "the guard that the messages removed are those that were delivered",
    "the guard on all of them, not just the first",
    "forgetting what was known after a lost answer",
    "leaving alone what was read anew since a removal began",
    "doubting a read beside which something was pushed",
]
NO_GUARD, FIRST_GUARD, REMEMBER, DROP_ANEW, BELIEVE_READ = WEAKENINGS

# redis: the list · pushed: messages that were ever in it · taken: by the peer · by_hand: by the operator
# known: the first of the list · whole: there are no more
# commit: (message, done) under way · removal: (messages, held or None, begun with what is known now) under way
# read: (what was found or None, something was pushed meanwhile) · late: functions whose answers were lost
# stirred: one of them was carried out, or the operator was there: what the leader then does not know it finds when it looks
# again, as it does every second
State = namedtuple("State", "redis pushed taken by_hand known whole commit removal read late stirred")


def first(processes):
    return State((), frozenset(), frozenset(), frozenset(), (), False, None, None, None, (), False)


def forget(s):
    removal = s.removal[:2] + (False,) if s.removal else None
    return s._replace(known=(), whole=False, read=None, removal=removal)


def push(s, message):
    return s._replace(redis=s.redis + (message,), pushed=s.pushed | {message})


def holds(s, messages, weakening):
    if weakening == NO_GUARD:
        return True
    count = 1 if weakening == FIRST_GUARD else len(messages)
    return s.redis[:count] == messages[:count]


def remove(s, messages, weakening):
    return s._replace(redis=s.redis[len(messages):]) if holds(s, messages, weakening) else s


def commit_moves(s, weakening):
    if s.commit is None:
        message = next((m for m in range(MESSAGES) if m not in s.pushed), None)
        if message is not None:
            read = (s.read[0], True) if s.read else None
            yield s._replace(commit=(message, False), read=read)
        return
    message, done = s.commit
    if not done:
        yield push(s, message)._replace(commit=(message, True))
    else:
        known = s.known + (message,) if s.whole else s.known
        yield s._replace(commit=None, known=known)
    if done or not s.late:  # the answer is lost
        lost = s._replace(commit=None, late=s.late if done else s.late + (("push", message),))
        yield lost if weakening == REMEMBER else forget(lost)


def delivery_moves(s, weakening):
    if s.removal is None:
        for count in {1, len(s.known)} if s.known else ():
            taken = s._replace(taken=s.taken | set(s.known[:count]))
            yield taken  # and its answer is lost
            yield taken._replace(removal=(s.known[:count], None, True))
        return
    messages, held, current = s.removal
    if held is None:
        held = holds(s, messages, weakening)
        yield remove(s, messages, weakening)._replace(removal=(messages, held, current))
    else:
        ended = s._replace(removal=None)
        if not held:
            yield forget(ended)
        elif current or weakening == DROP_ANEW:
            yield ended._replace(known=s.known[len(messages):])
        else:
            yield ended
    if held is not None or not s.late:  # the answer is lost
        late = s.late if held is not None else s.late + (("remove", messages),)
        lost = s._replace(removal=None, late=late)
        yield lost if weakening == REMEMBER else forget(lost)


def read_moves(s, weakening):
    if s.read is None:
        if not s.known and not s.whole and (s.removal is None or weakening == DROP_ANEW):
            yield s._replace(read=(None, s.commit is not None))
        return
    found, pushed = s.read
    if found is None:
        yield s._replace(read=(s.redis[:PAGE], pushed))
    else:
        yield s._replace(read=None, known=found, whole=len(found) < PAGE and (not pushed or weakening == BELIEVE_READ))


def death(s):
    late = s.late
    if s.commit and not s.commit[1]:
        late += (("push", s.commit[0]),)
    if s.removal and s.removal[1] is None:
        late += (("remove", s.removal[0]),)
    return forget(s)._replace(commit=None, removal=None, late=late)


def next_states(s, processes, weakening):
    yield from commit_moves(s, weakening)
    yield from delivery_moves(s, weakening)
    yield from read_moves(s, weakening)
    if not s.late:
        yield death(s)
    for i, (what, argument) in enumerate(s.late):
        after = push(s, argument) if what == "push" else remove(s, argument, weakening)
        yield after._replace(late=s.late[:i] + s.late[i + 1:], stirred=True)
    if processes and s.redis and not s.by_hand:
        yield s._replace(redis=s.redis[1:], by_hand=frozenset(s.redis[:1]), stirred=True)


def violation(s):
    if s.pushed - set(s.redis) - s.taken - s.by_hand:
        return "a message was removed that nobody has taken"
    quiet = s.commit is None and s.removal is None and s.read is None and not s.late and not s.stirred
    if quiet and s.whole and s.redis != s.known:
        return "the leader believes that it knows the list, but doesn't"
    return None
