# SPDX-License-Identifier: Apache-2.0
"""The reading of a log whose beginning is in the archive, while more of it is archived and trimmed
(services/runtime/consumer/view_source.h).

The archive takes the next entry, and then Redis trims up to the last one that the archive has, which stays; both go on all the
time. The reader takes the entries in their order. It reads the log from its place on, a page at a time, and then looks at where
the log begins: if that is at its place or before it, nothing behind its place has gone when it read, and it takes the page.
Otherwise it throws the page away and asks the event service for the next page, which tells an entry from Redis if it is there and
else from the archive. The place from which it asks is one entry back, since entries of several logs may have the same log time,
and it leaves out what it has taken.

Checked in every state: what was taken is the log's beginning, each entry once.
"""
from collections import namedtuple

ENTRIES = 5
PAGE = 2
SCENARIOS = {"one reader": 1}
WEAKENINGS = [
    "looking where the log begins after the read",
    "looking at each page of the log",
    "leaving out what was taken",
]
LOOK_BEFORE, LOOK_ONCE, TAKE_AGAIN = WEAKENINGS

# archived: up to which entry the archive is · first: with which one the log in Redis begins · mode: what the reader reads
# next · place: up to which entry it has taken all · page: read and not taken yet, None: nothing was read · begin: of the log, as
# it was seen last · taken: all that it took
State = namedtuple("State", "archived first mode place page begin taken")


def first(_processes):
    return State(0, 1, "look", 0, None, 1, ())


def in_redis(s, after):
    return tuple(range(max(after + 1, s.first), min(ENTRIES, max(after, s.first - 1) + PAGE) + 1))


def take(s, page, mode, weakening):
    new = page if weakening == TAKE_AGAIN else tuple(entry for entry in page if entry > s.place)
    return s._replace(taken=s.taken + new, place=max(page, default=s.place), page=None, mode=mode)


def is_whole(s, begin):
    return begin <= s.place + 1


def read(s, weakening):
    """The reader's next step."""
    if s.mode == "look":
        return s._replace(begin=s.first, mode="log" if is_whole(s, s.first) else "archive")
    if s.mode == "archive":
        back = max(s.place - 1, 0)
        return take(s, tuple(range(back + 1, min(ENTRIES, back + PAGE) + 1)), "look", weakening)
    if weakening == LOOK_BEFORE and s.page is None and s.mode == "log":
        return s._replace(begin=s.first, mode="read")
    if s.page is None:
        return s._replace(page=in_redis(s, s.place))
    begin = s.begin if weakening in (LOOK_BEFORE, LOOK_ONCE) else s.first
    if not is_whole(s, begin):
        return s._replace(page=None, mode="archive")
    return take(s, s.page, "log", weakening)


def next_states(s, _processes, weakening):
    if s.archived < ENTRIES:
        yield s._replace(archived=s.archived + 1)
    if s.archived > s.first:
        yield s._replace(first=s.archived)
    if s.place < ENTRIES:
        yield read(s, weakening)


def violation(s):
    if s.taken != tuple(range(1, len(s.taken) + 1)):
        return "what was taken is not the log's beginning, each entry once"
    return None
