#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What C's compiler can't check, since it goes by names and void *: that handlers take their requests for what the proto
says. Prints what is wrong; the exit status says whether anything is.

    typed_by_name.py ROOT
"""
import pathlib
import re
import sys

RPC = re.compile(r"\brpc (\w+)\((?:stream )?([\w.]+)\) returns")
SERVICE = re.compile(r"\bservice (\w+) \{(.*?)\n\}", re.S)
ROW = re.compile(r'\{\.name = "(\w+)",\s*\.handler = (\w+)')


def contract(root):
    """The methods of each gRPC service, with the short names of their requests."""
    services = {}
    for proto in root.glob("proto/**/*.proto"):
        for name, body in SERVICE.findall(proto.read_text()):
            services[name] = {method: request.split(".")[-1] for method, request in RPC.findall(body)}
    return services


def handlers(root, services):
    requests = {}
    for methods in services.values():
        for method, request in methods.items():
            requests.setdefault(method, set()).add(request)
    seen = 0
    for folder in sorted(root.glob("services/*/")):
        text = "\n".join(path.read_text() for path in sorted(folder.glob("*.c")))
        for method, handler in ROW.findall(text):
            body = re.search(rf"\b{handler}\(struct rpc_call \*call, const void \*(\w+).*?\n}}\n", text, re.S)
            if not body:
                continue
            cast = re.compile(rf"__(\w+?) \*\w+ = (?:message_share\(\w+, )?{body.group(1)}\b")
            for message in cast.findall(body.group(0)):
                seen += 1
                if message.split("__")[-1] not in requests.get(method, set()):
                    yield f"{folder.name}: {handler} handles {method}, but takes its request for {message}"
    if seen < 10:
        yield f"only {seen} handlers were found"


def main():
    root = pathlib.Path(sys.argv[1])
    mistakes = list(handlers(root, contract(root)))
    print("\n".join(mistakes))
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
