# SPDX-License-Identifier: Apache-2.0
"""Types a line and Tab into a zsh with the completion, and wants to see a text: SCRIPT LINE TEXT."""

import os
import pty
import select
import sys
import time

SECONDS = 40 * int(os.environ.get("ORDERSHOP_TEST_SLOWNESS", "1"))
script, line, wanted = sys.argv[1:]
process, terminal = pty.fork()
if process == 0:
    os.environ.update(TERM="xterm", COLUMNS="200", PS1="ready> ")
    os.execvp("zsh", ["zsh", "-f", "-i"])


def read(*wanted):
    """Reads until the texts have come, one after the other."""
    seen, at, deadline = "", 0, time.monotonic() + SECONDS
    for text in wanted:
        while (found := seen.find(text, at)) < 0:
            if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                sys.exit(f"nothing of {text!r} in {seen!r}")
            seen += os.read(terminal, 65536).decode()
        at = found + len(text)


dump = os.environ["HOME"] + "/zcompdump"
os.write(terminal, f"autoload -U compinit; compinit -u -d {dump}; source {script}; echo pre''pared\n".encode())
read("prepared", "ready> ")
os.write(terminal, line.encode() + b"\t")
read(wanted)
os.write(terminal, b"\x15exit\n")
os.waitpid(process, 0)
