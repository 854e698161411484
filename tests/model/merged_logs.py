# SPDX-License-Identifier: Apache-2.0
"""How a consumer would follow several Redises, each with a log and a clock of its own, as one
(docs/scale.md, "With a Redis for each service").

Events are appended in two Redises, some because of an event in the other one. An entry gets the next log time of its Redis'
clock, or a later one: a server's clock that steps back or stands still gives the next one, one that runs ahead a later one.
Both may so give the same log time. The consumer asks each Redis for its clock and then reads its streams, a page at a time;
it hands out what it has read in the order of log time, equal ones in the order of their Redises, up to the least watermark:
what it knows each Redis to have been read to. Where that of an idle Redis is too low it has its clock moved on, to the log
time of the entry that waits. A log that nobody has begun has no clock, and is not waited for by what had been read of the
other one before that was found; its first entries may then come later than their log time says. Between any two of these
steps it may begin again, from how far it has handed out.

Checked in every state: entries are handed out in that order, causes before their effects; whatever lies at or before the
position that is told of a Redis has been handed out; and the consumer never waits for what won't come.
"""
from collections import namedtuple

LAST_ID, PAGE = 7, 1
FIRST, SECOND = REDISES = (0, 1)
BEGUN, NOT_BEGUN = 1, 0
# How the logs are, and events: in which Redis, and whether it is an effect of all that the other one has by then.
SCENARIOS = {
    "an effect in each": ((BEGUN, BEGUN), ((FIRST, False), (SECOND, True), (FIRST, True))),
    "events and an effect": ((BEGUN, BEGUN), ((FIRST, False), (SECOND, False), (SECOND, True))),
    "effects of effects": ((BEGUN, BEGUN), ((FIRST, False), (SECOND, True), (FIRST, True), (SECOND, True))),
    "one Redis is idle": ((BEGUN, BEGUN), ((FIRST, False), (FIRST, False))),
    "one log is never begun": ((BEGUN, NOT_BEGUN), ((FIRST, False), (FIRST, False))),
    "one log is begun later": ((BEGUN, NOT_BEGUN), ((FIRST, False), (SECOND, False), (FIRST, True))),
    "both logs are begun later": ((NOT_BEGUN, NOT_BEGUN), ((FIRST, False), (SECOND, True), (FIRST, True))),
}
WEAKENINGS = [
    "passing on the cause's log time",
    "asking for the clock before the streams are read",
    "waiting for the watermarks of the others",
    "the end of a full page as watermark",
    "asking an idle Redis to move its clock on",
    "moving a clock that stands still to the entry that waits",
    "one order of equal log times",
    "a position for each Redis",
    "looking for a log that was not begun when the other one has been read",
]
(NO_AFTER, CLOCK_LAST, NO_WATERMARK, PAGE_IGNORED, NO_TICK, TICK_WITHOUT_TARGET, ANY_TIE, ONE_POSITION,
 ABSENCE_FIRST) = WEAKENINGS

# clocks: last log time given by each Redis, 0 if its log is not begun
# logs: of each, entries (log time, how many entries of the other caused it)
# left: events to come · asked: the clock that each has told, or that it has nothing more, before the next step of reading it
# read, applied: entries of each · marks: watermarks · absent: how many entries of the other one need not wait for it, since it
# was not begun when they had been read · seen: the position that is told of each · last: handed out last
# unawaited: the latest entry that was handed out without waiting for it
State = namedtuple("State", "clocks logs left asked read applied marks absent seen last unawaited wrong")
NOTHING = (None, None)


def first(processes):
    clocks, events = processes
    return State(clocks, ((), ()), events, NOTHING, (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), None)


def at(pair, redis, value):
    return pair[:redis] + (value,) + pair[redis + 1:]


def append_states(s, number, weakening):
    redis, is_effect = s.left[number]
    other = s.logs[1 - redis]
    causes = len(other) if is_effect else 0
    after = other[-1][0] if causes and weakening != NO_AFTER else 0
    least = max(s.clocks[redis], after) + 1
    for log_time in (least, least + 2):
        if log_time <= LAST_ID:
            yield s._replace(clocks=at(s.clocks, redis, log_time), left=s.left[:number] + s.left[number + 1:],
                             logs=at(s.logs, redis, s.logs[redis] + ((log_time, causes),)))


def held(s, redis):
    """The first entry that was read and not handed out yet, with its place in the order; or None."""
    return (s.logs[redis][s.applied[redis]][0], redis) if s.applied[redis] < s.read[redis] else None


def may_hand_out(s, redis, weakening):
    mine, other = held(s, redis), held(s, 1 - redis)
    if mine is None:
        return False
    if other is not None:
        return mine[0] <= other[0] if weakening == ANY_TIE else mine < other
    return s.marks[1 - redis] >= mine[0] or s.applied[redis] < s.absent[1 - redis] or weakening == NO_WATERMARK


def hand_out(s, redis, weakening):
    entry, order = s.logs[redis][s.applied[redis]], held(s, redis)
    wrong = None
    if order < s.last and entry[0] > s.unawaited[redis]:
        wrong = "handed out after a later entry"
    elif entry[1] > s.applied[1 - redis]:
        wrong = "an effect is handed out before its cause"
    waited = held(s, 1 - redis) or s.marks[1 - redis] >= entry[0]
    unawaited = s.unawaited if waited else at(s.unawaited, 1 - redis, max(s.unawaited[1 - redis], entry[0]))
    after = s._replace(applied=at(s.applied, redis, s.applied[redis] + 1), last=max(s.last, order), unawaited=unawaited, wrong=wrong)
    return told(after, weakening)


def told(s, weakening):
    """Says how far it has come."""
    if weakening == ONE_POSITION:
        return s._replace(seen=(s.last[0], s.last[0]))
    heads = [held(s, redis) for redis in REDISES]
    to = [s.marks[redis] if heads[redis] is None else min(s.marks[redis], heads[redis][0] - 1) for redis in REDISES]
    return s._replace(seen=tuple(max(s.seen[redis], to[redis]) for redis in REDISES))


def page(s, redis):
    """Where the next page ends, and whether it is full: then there may be more."""
    end = min(s.read[redis] + PAGE, len(s.logs[redis]))
    return end, end - s.read[redis] == PAGE


def marked(s, redis, mark, weakening):
    after = s._replace(asked=at(s.asked, redis, None), marks=at(s.marks, redis, max(s.marks[redis], mark)))
    return told(after, weakening)


def read_state(s, redis, weakening):
    """Asks for the clock, then for the streams; or the other way round."""
    end, is_full = page(s, redis)
    if s.asked[redis] is None and weakening != CLOCK_LAST:
        asked = s._replace(asked=at(s.asked, redis, s.clocks[redis]))
        return absence_noted(asked, redis, LAST_ID) if weakening == ABSENCE_FIRST else asked
    if s.asked[redis] == "no more":
        return marked(s, redis, s.clocks[redis], weakening)
    if s.asked[redis] is None and not is_full:
        return s._replace(asked=at(s.asked, redis, "no more"))
    is_limit = is_full and weakening != PAGE_IGNORED
    mark = s.logs[redis][end - 1][0] if is_limit else s.asked[redis]
    return marked(s._replace(read=at(s.read, redis, end)), redis, mark, weakening)


def absence_noted(s, redis, entries):
    """Looks whether the log is begun; so many entries of the other one need not wait for it otherwise."""
    return s._replace(absent=at(s.absent, redis, 0 if s.clocks[redis] else entries))


def is_absence_noted(s, redis):
    return s.clocks[redis] > 0 or s.absent[redis] >= s.read[1 - redis]


def ticked(s, redis, weakening):
    """What its clock is at least after it was asked to move on for an entry of the other one that waits."""
    waits = held(s, 1 - redis)
    if waits is None or s.clocks[redis] == 0 or s.marks[redis] >= waits[0] or weakening == NO_TICK:
        return s.clocks[redis]
    return max(s.clocks[redis], 0 if weakening == TICK_WITHOUT_TARGET else waits[0])


def next_states(s, processes, weakening):
    for number in range(len(s.left)):
        yield from append_states(s, number, weakening)
    for redis in REDISES:
        yield read_state(s, redis, weakening)
        if weakening != ABSENCE_FIRST:
            yield absence_noted(s, redis, s.read[1 - redis])
        if may_hand_out(s, redis, weakening):
            yield hand_out(s, redis, weakening)
        clock = ticked(s, redis, weakening)
        if clock != s.clocks[redis]:
            yield s._replace(clocks=at(s.clocks, redis, clock))
    yield s._replace(asked=NOTHING, read=s.applied, marks=(0, 0), absent=(0, 0))  # it begins again
    if waits_for_ever(s, weakening):
        yield s._replace(wrong="it waits for what won't come")


def waits_for_ever(s, weakening):
    """All has been read, nothing more is appended, and neither of the clocks moves by itself."""
    quiet = not s.left and s.read == tuple(len(log) for log in s.logs) and s.asked == NOTHING and s.marks == s.clocks
    if not quiet or s.applied == s.read:
        return False
    if not all(is_absence_noted(s, redis) for redis in REDISES):
        return False
    return not any(may_hand_out(s, redis, weakening) or ticked(s, redis, weakening) > s.clocks[redis] for redis in REDISES)


def violation(s):
    if s.wrong:
        return s.wrong
    for redis in REDISES:
        if any(log_time <= s.seen[redis] for log_time, _ in s.logs[redis][s.applied[redis]:]):
            return "what a position says was handed out was not"
    return None
