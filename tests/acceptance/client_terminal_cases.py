# SPDX-License-Identifier: Apache-2.0
"""What client_terminal.sh looks at, one function a case; the name of one is the argument."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import unicodedata

PROGRAM = os.environ["ORDERSHOP_BIN"] + "/ordershop"
SECONDS = 40 * int(os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1"))
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *arguments, columns=80, rows=24, stdin=None, **variables):
        environment = {**os.environ, "TERM": "xterm", **variables}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            if name not in variables:
                environment.pop(name, None)
        self.seen = ""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            if stdin is not None:
                os.dup2(stdin, 0)
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(PROGRAM, [PROGRAM, *arguments], environment)

    def read(self, until):
        """Reads until `until` has been seen or is true of what was seen; None: to the end."""
        deadline = time.monotonic() + SECONDS
        while until is None or not (until(self.seen) if callable(until) else until in self.seen):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"nothing of {until} in {self.seen!r}")
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # EIO: the program has ended
                data = b""
            if not data:
                break
            self.seen += data.decode()
        assert until is None or (until(self.seen) if callable(until) else until in self.seen), repr(self.seen)
        return self.seen

    def type(self, keys):
        os.write(self.terminal, keys)

    def end(self):
        """All that was seen, and how the program ended: as subprocess has it."""
        self.read(None)
        status = os.waitpid(self.process, 0)[1]
        os.close(self.terminal)
        return self.seen, os.waitstatus_to_exitcode(status)


def run(*arguments, **options):
    options.setdefault("timeout", SECONDS)
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, **options)


def create(name, address="someone@example.com"):
    result = run("customer", "create", "--name", name, "--email", address, "--quiet")
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def lines_of(seen):
    return [CODES.sub("", line) for line in seen.replace("\r", "").splitlines()]


def tables_fit():
    create("A name that is longer than the others are, so that it must be cut")
    create("\u6771\u4eac" * 20)
    seen, status = Terminal("customer", "list", columns=72).end()
    assert status == 0 and "\u2026" in seen, seen
    assert max(map(width, lines_of(seen))) <= 72, seen
    seen, status = Terminal("customer", "list", columns=200).end()
    assert "so that it must be cut" in seen, seen
    seen, status = Terminal("customer", "list", columns=200, COLUMNS="70").end()
    assert max(map(width, lines_of(seen))) <= 70, seen


def pipes_cut_nothing():
    name = "n" * 200
    create(name)
    result = run("customer", "list", "--all", env={**os.environ, "COLUMNS": "40"})
    assert name in result.stdout and "\u2026" not in result.stdout, result.stdout


def colors():
    create("Ada")
    assert "\x1b[1m" in Terminal("customer", "list").end()[0]
    assert "\x1b[31m" in Terminal("customer", "frob").end()[0]
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        for arguments in (["customer", "list"], ["customer", "frob"], ["--help"]):
            assert "\x1b" not in Terminal(*arguments, **variables).end()[0], (arguments, variables)
    assert "\x1b" not in Terminal("customer", "list", "--color", "never").end()[0]
    piped = {**os.environ, "TERM": "xterm"}
    assert "\x1b" not in run("customer", "list", env=piped).stdout
    assert "\x1b[1m" in run("customer", "list", "--color=always", env=piped).stdout


def watch_redraws():
    identity = create("Before")
    terminal = Terminal("customer", "get", identity, "--watch", "0.1")
    terminal.read("Before")
    assert "\x1b[?1049h" in terminal.seen and "\x1b[?25l" in terminal.seen, terminal.seen
    run("customer", "update", identity, "--name", "After")
    terminal.read("After")
    terminal.type(b"\x03")
    seen, status = terminal.end()
    assert status == -signal.SIGINT, status
    rest = seen[seen.rindex("\x1b[?1049l") :]
    assert "\x1b[?25h" in seen and "\x1b[?7h" in seen and "After" in rest, seen
    full = Terminal("customer", "list", "--watch", "0.1", rows=6)
    full.read("...")
    full.type(b"\x03")
    assert full.end()[1] == -signal.SIGINT


def watch_prints_anew():
    identity = create("Twice")
    command = [PROGRAM, "customer", "get", identity, "--watch=0.05", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        names = 0
        for line in process.stdout:
            assert "\x1b" not in line, line
            names += "Twice" in line
            if names == 3:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(SECONDS) in (-signal.SIGINT, -signal.SIGPIPE)


def write_lines(path, count):
    with open(path, "w", encoding="utf-8") as file:
        for i in range(count):
            file.write(json.dumps({"name": f"Bulk {i}", "email": f"bulk.{i}@example.com"}) + "\n")
    return path


def count_customers():
    return len(run("customer", "list", "--all", "--quiet").stdout.splitlines())


def progress_bar():
    path = write_lines(os.environ["TMPDIR"] + "/lines", 2000)
    seen, status = Terminal("customer", "create", "--from", path).end()
    assert status == 0 and re.search(r"\[#*\.*\] +\d+%  \d+ customers created", seen), seen
    assert lines_of(seen[seen.rindex("\r\x1b[K") :]) == ["", "2000 customers created"] or \
        lines_of(seen[seen.rindex("\x1b[K") :]) == ["2000 customers created"], seen
    result = run("customer", "create", "--from", path)
    assert (result.stdout, result.stderr) == ("2000 customers created\n", ""), result


def interrupted_bulk():
    path = write_lines(os.environ["TMPDIR"] + "/lines", 450)
    with open(path, "rb") as file:
        data = file.read()
    before = count_customers()
    read_end, write_end = os.pipe()
    seed = "11111111-2222-4333-8444-555555555555"
    terminal = Terminal("customer", "create", "--from", "-", "--request-id", seed, stdin=read_end)
    os.close(read_end)
    os.write(write_end, data[: data.index(b'"Bulk 250"')].rsplit(b"\n", 1)[0] + b"\n")
    terminal.read(lambda seen: count_customers() == before + 200)
    terminal.type(b"\x03")
    seen, status = terminal.end()
    os.close(write_end)
    assert status == -signal.SIGINT, status
    said = re.search(r"ended at line 250: 200 customers created, 0 refused.*--request-id (\S+) goes on", seen)
    assert said and said.group(1) == seed, seen
    result = run("customer", "create", "--from", path, "--request-id", seed)
    assert result.returncode == 0, result
    assert count_customers() == before + 450


def interrupted_call():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        terminal = Terminal("customer", "list", "--timeout", "600", "--customer-address", address)
        silent.accept()
        terminal.type(b"\x03")
        assert terminal.end()[1] == -signal.SIGINT
        arguments = ["--name", "A", "--email", "a@b.org", "--timeout", "600", "--customer-address", address]
        terminal = Terminal("customer", "create", *arguments)
        silent.accept()
        terminal.type(b"\x03")
        seen, status = terminal.end()
        assert status == -signal.SIGINT and re.search(r"repeat it safely: --request-id [0-9a-f-]{36}\r\n", seen), seen
        command = f"{PROGRAM} customer list --timeout 600 --customer-address {address} & pid=$!; kill -TERM $pid; wait $pid"
        assert subprocess.run(["bash", "-c", command], timeout=SECONDS).returncode == 128 + signal.SIGTERM


def closed_pipe():
    for _ in range(30):
        create("One of many")
    for shown in ("", "--json", "--quiet"):
        command = f"set -o pipefail; {PROGRAM} customer list --all {shown} --page-size 2 | head -n 1"
        result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=SECONDS)
        assert len(result.stdout.splitlines()) == 1 and result.stderr == "", result
        assert result.returncode in (0, 128 + signal.SIGPIPE), result


globals()[sys.argv[1]]()
