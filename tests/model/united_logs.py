# SPDX-License-Identifier: Apache-2.0
"""How a consumer follows one log that was made of two, when a shop goes back from a Redis for each service to one
(docs/guarantees.md, "Log time").

Before, each Redis had a log with a clock of its own (merged_logs.py), and both could give the same log time. Now the streams of
both lie in one Redis with one clock: so two streams of a log may have entries of the same log time, which no clock gives by
itself. The consumer begins somewhere within them, even between two entries of the same log time, of which the other one
came first then. It asks for the clock, reads all streams, a page of each, and hands out what it has read in the order of log
time, equal ones in the order of their streams, up to the watermark. Meanwhile events are appended to the streams, and
between any two of these steps it may begin again.

Checked in every state: each entry is handed out once, in the order of log time; and whatever lies at or before the position that
is told has been handed out.
"""
from collections import namedtuple

LAST_ID, PAGE = 7, 1
STREAMS = (0, 1)
# Log times of the entries of each stream, how many of each were handed out before, how far both logs were known to be handed out,
# and the streams of the events to come.
Shop = namedtuple("Shop", "streams applied positions left")
SCENARIOS = {
    "nothing was handed out": Shop(((1, 3), (1, 3)), (0, 0), (0, 0), (0,)),
    "of two of the same log time the first was": Shop(((1, 3), (1, 3)), (1, 0), (2, 0), (1,)),
    "of two of the same log time the second was": Shop(((1, 3), (1, 3)), (0, 1), (0, 2), (0,)),
    "one was ahead of the other": Shop(((1, 2), (2, 4)), (2, 0), (2, 1), (0, 1)),
    "all was": Shop(((3,), (3, 4)), (1, 2), (4, 4), (0, 1)),
}
WEAKENINGS = [
    "the later one of both clocks",
    "forgetting how far each log was handed out",
    "reading each stream behind its own last entry",
    "a position before what has the same log time and waits",
    "asking for the clock before the streams are read",
    "the end of a full page as watermark",
]
FIRST_CLOCK, KEEP_POSITION, READ_BEHIND_POSITION, WHOLE_LOG_TIME, CLOCK_LAST, PAGE_IGNORED = WEAKENINGS

# clock: last log time given; None before the logs were united · streams, left: as in Shop · asked: the clock as it was told, or that
# the streams have been read, before the next step of reading
# read, applied: entries of each · mark: watermark · seen: the position that is told · last: log time handed out last
State = namedtuple("State", "clock streams left asked read applied mark seen last wrong")


def first(shop):
    last = max([0] + [shop.streams[i][shop.applied[i] - 1] for i in STREAMS if shop.applied[i]])
    return State(None, shop.streams, shop.left, None, shop.applied, shop.applied, 0, 0, last, None)


def at(pair, stream, value):
    return pair[:stream] + (value,) + pair[stream + 1:]


def united(s, shop, weakening):
    clocks = [entries[-1] for entries in s.streams]
    return s._replace(clock=clocks[0] if weakening == FIRST_CLOCK else max(clocks),
                      seen=shop.positions[0] if weakening == KEEP_POSITION and shop.positions[0] else 0)


def append_states(s, number):
    stream = s.left[number]
    for log_time in (s.clock + 1, s.clock + 2):
        if log_time > LAST_ID:
            continue
        if s.streams[stream][-1] >= log_time:
            yield s._replace(wrong="an event gets an earlier log time than one before it")
        else:
            yield s._replace(clock=log_time, left=s.left[:number] + s.left[number + 1:],
                             streams=at(s.streams, stream, s.streams[stream] + (log_time,)))


def head(s, stream):
    """The log time of the first entry that was read and not handed out; or None."""
    return s.streams[stream][s.applied[stream]] if s.applied[stream] < s.read[stream] else None


def next_of(s):
    """The stream whose entry comes next, of what was read; or None."""
    heads = [(head(s, stream), stream) for stream in STREAMS if head(s, stream) is not None]
    return min(heads)[1] if heads else None


def hand_out(s, weakening):
    stream = next_of(s)
    log_time = head(s, stream)
    wrong = "handed out after a later entry" if log_time < s.last else None
    s = s._replace(applied=at(s.applied, stream, s.applied[stream] + 1), last=log_time, wrong=wrong)
    waits = next_of(s)
    shared = waits is not None and head(s, waits) == log_time and weakening != WHOLE_LOG_TIME
    return s._replace(seen=max(s.seen, log_time - 1 if shared else log_time))


def read_state(s, weakening):
    """Asks for the clock, then for the streams; or the other way round."""
    ends = tuple(min(s.read[i] + PAGE, len(s.streams[i])) for i in STREAMS)
    full = [s.streams[i][ends[i] - 1] for i in STREAMS if ends[i] - s.read[i] == PAGE]
    if s.asked is None and weakening != CLOCK_LAST:
        return s._replace(asked=s.clock)
    if s.asked is None:
        return s._replace(asked="read", read=ends, mark=min(full) if full else s.mark) if full else s._replace(asked="read")
    if s.asked == "read":
        return told(s._replace(asked=None, mark=s.mark if next_of(s) is not None else s.clock))
    mark = min(full) if full and weakening != PAGE_IGNORED else s.asked
    return told(s._replace(asked=None, read=ends, mark=max(s.mark, mark)))


def told(s):
    """What was read and is not handed out limits the position."""
    waits = next_of(s)
    to = s.mark if waits is None else min(s.mark, head(s, waits) - 1)
    return s._replace(seen=max(s.seen, to))


def begin_again(s, weakening):
    if weakening != READ_BEHIND_POSITION:
        return s._replace(asked=None, read=s.applied, mark=0)
    begins = tuple(sum(log_time <= s.seen for log_time in s.streams[i]) for i in STREAMS)
    wrong = None
    if begins != s.applied:
        wrong = "an entry is left out" if max(b - a for a, b in zip(s.applied, begins)) > 0 else "an entry is handed out twice"
    return s._replace(asked=None, read=begins, applied=begins, mark=0, wrong=wrong)


def next_states(s, shop, weakening):
    if s.clock is None:
        yield united(s, shop, weakening)
        return
    for number in range(len(s.left)):
        yield from append_states(s, number)
    yield read_state(s, weakening)
    waits = next_of(s)
    if waits is not None and head(s, waits) <= s.mark:
        yield hand_out(s, weakening)
    yield begin_again(s, weakening)


def violation(s):
    if s.wrong:
        return s.wrong
    if any(log_time <= s.seen for i in STREAMS for log_time in s.streams[i][s.applied[i]:]):
        return "what the position says was handed out was not"
    return None
