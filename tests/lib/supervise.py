#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a test suite so that nothing of it outlives it.

    supervise.py SECONDS COMMAND [ARGUMENT...]

The command runs in a session of its own, without standard input, for at most SECONDS. Everything that it starts, also
what detaches itself, stays a descendant of this process (it is a subreaper) and is killed in the end. Exit status:
the command's (128 + n for signal n); 124 it took too long; 125 it ended but left processes behind, which are named.
"""
import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
TOO_LATE = 124
LEFT_BEHIND = 125
# Long enough for what has been told to end, too short to hide what has not.
LINGER_SECONDS = 1.0
TERMINATE_SECONDS = 15.0
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def say(text):
    print(f"supervise: {text}", flush=True)


def reap(statuses):
    """Collects all children that have ended, our own and those that became ours."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        statuses[pid] = status


def descendants():
    """All living processes below this one."""
    children = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state not in "ZX":
            children.setdefault(int(parent), []).append(int(name))
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return words or file.read().strip()
    except OSError:
        return "?"


def kill_all(statuses):
    """Until nothing is left: what is killed may have been about to fork."""
    while True:
        reap(statuses)
        left = descendants()
        if not left:
            return
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)


def start(command):
    pid = os.fork()
    if pid != 0:
        return pid
    os.setsid()
    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        say(f"{command[0]}: {error.strerror}")
    os._exit(127)


def await_end(pid, seconds, statuses):
    """Waits for the process. Returns the signal that asked us to stop, or None; statuses has pid if it has ended."""
    deadline = time.monotonic() + seconds
    while True:
        reap(statuses)
        left = deadline - time.monotonic()
        if pid in statuses or left <= 0:
            return None
        signalled = signal.sigtimedwait((signal.SIGCHLD, *STOPPING), left)
        if signalled and signalled.si_signo != signal.SIGCHLD:
            return signalled.si_signo


def name_the_left_behind(statuses):
    deadline = time.monotonic() + LINGER_SECONDS
    while True:
        reap(statuses)
        left = descendants()
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    for pid in left:
        say(f"left behind: process {pid}: {command_line(pid)}")
    return bool(left)


def main():
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGCHLD, *STOPPING))

    statuses = {}
    pid = start(command)
    stopped_by = await_end(pid, seconds, statuses)
    if stopped_by or pid not in statuses:
        if not stopped_by:
            say(f"not done after {seconds:g} seconds; running: {[command_line(each) for each in descendants()]}")
        os.killpg(pid, signal.SIGTERM)  # so that it can tell and tidy up
        await_end(pid, TERMINATE_SECONDS, statuses)
        kill_all(statuses)
        return 128 + stopped_by if stopped_by else TOO_LATE
    left = name_the_left_behind(statuses)
    kill_all(statuses)
    status = os.waitstatus_to_exitcode(statuses[pid])
    if status < 0:
        say(f"ended by signal {-status} ({signal.strsignal(-status)})")
        return 128 - status
    return LEFT_BEHIND if left and status == 0 else status


sys.exit(main())
