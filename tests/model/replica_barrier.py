# SPDX-License-Identifier: Apache-2.0
"""The replica barrier (docs/guarantees.md, "Failover"; services/runtime/store/replica_barrier.h): when a change is answered.

A process commits a change on one connection. Once that is answered it writes something on a second connection, behind it
waits there until a replica has all that this connection wrote (WAIT), and then asks for the identity of the server's data
(INFO). Only then is the caller told. A caller who is told nothing repeats the call: what is recorded is not done again.

There are a master and two replicas, which take over the master's entries one by one. At most twice a replica is promoted:
the old master may be dead, or still be a master for its old connections, or follow the new one, with the new one's data, and
then be promoted itself. Each connection is led to the present master when it is made, and stays where it is; what breaks it
is the end of its server, or the process. A master that becomes a replica ends the WAITs that are under way, and no others.

Checked in every state: what the caller was told of is in the present master.
"""
from collections import namedtuple

SCENARIOS = {"masters are replaced": ()}
WEAKENINGS = [
    "the write before WAIT",
    "a barrier that begins after the commit's answer",
    "leaving a server together",
    "asking for the identity of the data behind WAIT",
    "a barrier before a repeated answer",
    "promoting the replica that has most",
]
NO_WRITE, JOIN_LATE, EACH_ITS_OWN, BELIEVE_RUN, REPEAT_AT_ONCE, ANY_REPLICA = WEAKENINGS
SERVERS, WRITES, PROMOTIONS = range(3), 2, 2
CHANGE, WRITE = "change", "write"
DEAD = -1

# logs, data: of each server, its entries and the identity of their history · follows: whom; None: a master; DEAD
# master: the present one, to which the address leads · fresh: the next identity
# links: of commits, of barriers: the server, or None · met: server and identity that were greeted last · era: of the process
# call: None, or (stage, era, covered): "sent", "answered", "told", "failed"
# barrier: None, or (stage, server, how much must be on a replica, era): "begun", "written", "waiting", "asking"
State = namedtuple("State", "logs data follows master fresh links met era call barrier writes promotions")


def first(processes):
    return State(((),) * 3, (0, 0, 0), (None, 0, 0), 0, 1, (0, 0), (0, 0), 1, None, None, 0, 0)


def put(row, place, value):
    return row[:place] + (value,) + row[place + 1:]


def append(s, server, entry):
    return s._replace(logs=put(s.logs, server, s.logs[server] + (entry,)))


def broken(s, link):
    """What was under way on that connection is not answered any more."""
    s = s._replace(links=put(s.links, link, None))
    if link == 1:
        return s._replace(barrier=None)
    return s._replace(call=("failed", 0, False)) if s.call and s.call[0] == "sent" else s


def replication_moves(s):
    for replica in SERVERS:
        master = s.follows[replica]
        if master in SERVERS and s.follows[master] is None and s.data[master] == s.data[replica]:
            log, behind = s.logs[master], len(s.logs[replica])
            if behind < len(log):
                yield append(s, replica, log[behind])


def follow(s, server, master):
    """Its WAITs end, its other commands don't; its data become the master's."""
    if s.barrier and s.barrier[:2] == ("waiting", server):
        s = broken(s, 1)
    return s._replace(logs=put(s.logs, server, s.logs[master]), data=put(s.data, server, s.data[master]),
                      follows=put(s.follows, server, master))


def failover_moves(s, weakening):
    old = s.master
    if s.follows[old] is None and s.promotions < PROMOTIONS:
        dead = s._replace(follows=put(s.follows, old, DEAD))
        for link in (0, 1):
            if s.links[link] == old:
                dead = broken(dead, link)
        yield dead
    replicas = [server for server in SERVERS if s.follows[server] == old and s.data[server] == s.data[old]]
    most = max((len(s.logs[server]) for server in replicas), default=0)
    if s.promotions < PROMOTIONS:
        for server in replicas:
            if len(s.logs[server]) == most or weakening == ANY_REPLICA:
                after = s._replace(follows=put(s.follows, server, None), data=put(s.data, server, s.fresh),
                                   fresh=s.fresh + 1, master=server, promotions=s.promotions + 1)
                for other in replicas:
                    if other != server:
                        after = follow(after, other, server)
                yield after
    for server in SERVERS:
        if server != s.master and s.follows[server] is None:
            yield follow(s, server, s.master)


def connection_moves(s, weakening):
    for link in (0, 1):
        if s.links[link] is None and s.follows[s.master] is None:
            after = s._replace(links=put(s.links, link, s.master))
            identity = (s.master, s.data[s.master])
            if identity != s.met and weakening != EACH_ITS_OWN:
                after = after._replace(met=identity, era=s.era + 1)
                other = s.links[1 - link]
                if other is not None and other != s.master:
                    after = broken(after, 1 - link)
            yield after
        elif s.links[link] is not None:
            yield broken(s, link)


def takes_writes(s, link):
    server = s.links[link]
    return server is not None and s.follows[server] is None


def call_moves(s, weakening):
    stage = s.call[0] if s.call else None
    if stage in (None, "failed") and takes_writes(s, 0):
        server = s.links[0]
        if CHANGE not in s.logs[server]:
            yield append(s, server, CHANGE)._replace(call=("sent", s.era, False))
        elif weakening == REPEAT_AT_ONCE:
            yield s._replace(call=("told", 0, False))
        else:
            yield s._replace(call=("answered", s.era, False))
    if stage == "sent":
        joins = weakening == JOIN_LATE and s.barrier is not None
        yield s._replace(call=("answered", s.call[1], joins))
    if stage == "answered":
        yield s._replace(call=("failed", 0, False))  # the caller gives up, or the barrier has failed


def barrier_moves(s, weakening):
    if s.barrier is None:
        if s.call and s.call[0] == "answered" and s.links[1] is not None and s.writes < WRITES:
            call = s.call[:2] + (True,)
            yield s._replace(barrier=("begun", s.links[1], 0, s.era), call=call, writes=s.writes + 1)
        return
    stage, server, offset, era = s.barrier
    if stage == "begun":
        if weakening == NO_WRITE:
            yield s._replace(barrier=("written", server, 0, era))
        elif s.follows[server] is None:
            yield append(s, server, WRITE)._replace(barrier=("written", server, len(s.logs[server]) + 1, era))
        else:
            yield s._replace(barrier=None)
    elif stage == "written":
        yield s._replace(barrier=("waiting", server, offset, era) if s.follows[server] is None else None)
    elif stage == "waiting":
        followers = (r for r in SERVERS if s.follows[r] == server and s.data[r] == s.data[server])
        if any(len(s.logs[r]) >= offset for r in followers):
            yield s._replace(barrier=("asking", server, offset, era))
    else:
        proved = (server, s.data[server]) == s.met or weakening in (BELIEVE_RUN, EACH_ITS_OWN)
        after = s._replace(barrier=None)
        if proved and era == s.era and s.call and s.call[0] == "answered" and s.call[1:] == (era, True):
            after = after._replace(call=("told", 0, False))
        yield after


def next_states(s, processes, weakening):
    if s.call and s.call[0] == "told":  # only what becomes of the servers matters still
        yield from replication_moves(s)
        yield from failover_moves(s, weakening)
        return
    yield from replication_moves(s)
    yield from failover_moves(s, weakening)
    yield from connection_moves(s, weakening)
    yield from call_moves(s, weakening)
    yield from barrier_moves(s, weakening)


def violation(s):
    if s.call and s.call[0] == "told" and CHANGE not in s.logs[s.master] and s.follows[s.master] is None:
        return "the caller was told of a change that the master does not have"
    return None
