# SPDX-License-Identifier: Apache-2.0
"""The archive of the log (services/event/archive.h, archive_part.h, archive_link.h).

A run takes the lock of the folder, syncs that, since whoever gave a file its name may have died before, looks which files are
there, and compares their end with what Redis has recorded. It trims what an earlier run has left; then it writes what every consumer has applied into a file without a name, syncs it, gives it
its name, syncs the folder, records in Redis how far the archive is, and has Redis trim up to there; the last entry that is archived
stays. Consumers apply entries meanwhile. Two replicas may run; each may die between any two steps, by which its lock is free.
The power may fail once: then a file that was not synced is damaged, and a name that was not synced is there or not. The
folder may get lost once.

An operator gives up what is lost with it: the event service, which alone has an index of all that was in the files, clears that, and
then records in Redis how far the archive is that there is now (log_check.h). It may die between the two.

Checked in every state: each entry is in Redis or in a file; the files follow each other without a gap, none has what another
one has, and none is damaged; no consumer lacks an entry; once entries are lost with the folder, nothing is written into the next
one until they are given up; and once they are, the index does not name them.
"""
from collections import namedtuple

ENTRIES = 3
SCENARIOS = {"one replica": 1, "two replicas": 2}
WEAKENINGS = [
    "syncing the file before it gets its name",
    "syncing the folder before Redis trims",
    "syncing the folder when it has the lock",
    "archiving only what is applied",
    "the lock",
    "looking into the folder when it has the lock",
    "comparing the folder with what is recorded",
    "recording before the trimming",
    "clearing the index before what is lost is given up",
]
UNSYNCED_FILE, UNSYNCED_FOLDER, UNSYNCED_LEFT, UNAPPLIED, UNLOCKED, STALE, UNCOMPARED, RECORD_LATE, CLEARED_LATE = WEAKENINGS

# first: the first entry in Redis · record: how far the archive was when something was trimmed · applied: by the consumer, which is
# the one that is furthest behind · files: (after, until, whether it is synced) of those that have names · durable: of these, the
# ones whose names are synced · lock: whose it is, None: nobody's · power: whether it has failed · lost: whether entries were lost with
# the folder · written: whether a file was added after that · damaged: whether a file that has a name has lost its content ·
# given_up: whether an operator has given up what was lost · names_lost: whether the index names it · clearing: whether the event service
# knows that the index is to be cleared, as long as it lives
State = namedtuple("State", "first record applied files durable lock power lost written damaged given_up names_lost clearing processes")
# stage: the next step · end: of the archive, as the process knows it · until: of the file that it writes
Process = namedtuple("Process", "stage end until")


def first(processes):
    return State(1, 0, 0, (), (), None, False, False, False, False, False, False, False, (Process("lock", 0, 0),) * processes)


def end_of(files):
    return max((until for _, until, _ in files), default=0)


def take_lock(s, i, p, weakening):
    if s.lock is not None and weakening != UNLOCKED:
        return None
    end = p.end if weakening == STALE else end_of(s.files)
    refused = s.record > end and weakening != UNCOMPARED
    if refused:
        return s, p._replace(end=end)
    durable = s.durable if weakening == UNSYNCED_LEFT else s.files
    return s._replace(lock=i, durable=durable), p._replace(stage="record left", end=end)


def record(s, i, p, weakening):
    last = p.stage == "record"
    if weakening == RECORD_LATE:
        return s, p._replace(stage="trim" if last else "trim left")
    return s._replace(record=p.end), p._replace(stage="trim" if last else "trim left")


def trim(s, i, p, weakening):
    trimmed = s._replace(first=max(s.first, p.end))
    following = "unlock" if p.stage == "trim" else "write"
    return trimmed, p._replace(stage="record late" if weakening == RECORD_LATE else following)


def record_late(s, i, p, weakening):
    return s._replace(record=p.end), p._replace(stage="write" if p.until == 0 else "unlock")


def write(s, i, p, weakening):
    until = ENTRIES if weakening == UNAPPLIED else s.applied
    if until <= p.end:
        return s, p._replace(stage="unlock")
    return s, p._replace(stage="name" if weakening == UNSYNCED_FILE else "sync", until=until)


def sync(s, i, p, weakening):
    return s, p._replace(stage="name")


def name(s, i, p, weakening):
    files = tuple(sorted(s.files + ((p.end, p.until, weakening != UNSYNCED_FILE),)))
    named = s._replace(files=files, written=s.written or (s.lost and not s.given_up))
    return named, p._replace(stage="record" if weakening == UNSYNCED_FOLDER else "sync folder", end=p.until)


def sync_folder(s, i, p, weakening):
    return s._replace(durable=s.files), p._replace(stage="record")


def unlock(s, i, p, weakening):
    return s._replace(lock=None if s.lock == i else s.lock), Process("lock", p.end, 0)


STEPS = {"lock": take_lock, "record left": record, "trim left": trim, "write": write, "sync": sync, "name": name,
         "sync folder": sync_folder, "record": record, "trim": trim, "record late": record_late, "unlock": unlock}


def die(s, i):
    p = s.processes[i]
    processes = s.processes[:i] + (Process("lock", p.end, 0),) + s.processes[i + 1:]
    return s._replace(lock=None if s.lock == i else s.lock, processes=processes)


def power_fails(s, files):
    idle = tuple(Process("lock", 0, 0) for _ in s.processes)
    damaged = any(not synced for _, _, synced in files)
    return s._replace(files=files, durable=files, lock=None, power=True, damaged=damaged, processes=idle)


def folder_is_lost(s):
    """Replicas are started anew with the folder that is there then; a run under way ends."""
    idle = tuple(Process("lock", 0, 0) for _ in s.processes)
    return s._replace(files=(), durable=(), lock=None, lost=s.first > 1, names_lost=s.first > 1, processes=idle)


def give_up(s, weakening):
    """The event service's next step; what it is, is told by what lasts: an index that is cleared already is not cleared again."""
    if s.clearing:
        return s._replace(names_lost=False, clearing=False)
    if s.given_up or not s.lost:
        return None
    if s.names_lost and weakening != CLEARED_LATE:
        return s._replace(names_lost=False)
    return s._replace(record=end_of(s.files), given_up=True, clearing=weakening == CLEARED_LATE)


def next_states(s, processes, weakening):
    if s.applied < ENTRIES:
        yield s._replace(applied=s.applied + 1)
    if not s.power:
        yield power_fails(s, s.files)
        yield power_fails(s, s.durable)
    if not s.lost:
        yield folder_is_lost(s)
    given_up = give_up(s, weakening)
    if given_up:
        yield given_up
    if s.clearing:
        yield s._replace(clearing=False)  # the event service dies
    for i, p in enumerate(s.processes):
        if p.stage != "lock":
            yield die(s, i)
        following = STEPS[p.stage](s, i, p, weakening)
        if following:
            state, process = following
            yield state._replace(processes=state.processes[:i] + (process,) + state.processes[i + 1:])


def violation(s):
    if s.damaged:
        return "a file of the archive is damaged"
    end = 0
    for after, until, _ in s.files:
        if after != end:
            return "the files of the archive don't follow each other"
        end = until
    if s.first > s.applied + 1:
        return "a consumer lacks an entry"
    if s.written:
        return "a new archive has begun where an old one is lost"
    if s.given_up and s.names_lost and not s.clearing:
        return "the index names an entry that nobody has"
    if not s.lost and s.first > end + 1:
        return "an entry is neither in Redis nor in the archive"
    return None
