# SPDX-License-Identifier: Apache-2.0
"""Opens five connections to a service with a thousand health Watch streams on each, as a client does that means ill or
has a leak, and leaves them idle: idle_streams.py ADDRESS. Prints "<number> open" and "<number> <STATUS> <details>" for
those that were refused, once all have said one or the other. Ends at SIGTERM.
"""

import collections
import signal
import sys

import grpc

CONNECTIONS = 5
STREAMS = 1000
SECONDS = 120


def open_streams(address, number):
    # A channel argument of its own makes a connection of its own.
    channel = grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0), ("test.number", number)])
    grpc.channel_ready_future(channel).result(SECONDS)
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
    return [watch(b"", timeout=SECONDS) for _ in range(STREAMS)]


def outcome(stream):
    try:
        next(stream)
        return "open"
    except grpc.RpcError as error:
        return f"{error.code().name} {error.details()}"


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    streams = [stream for number in range(CONNECTIONS) for stream in open_streams(sys.argv[1], number)]
    for what, count in collections.Counter(map(outcome, streams)).items():
        print(count, what, flush=True)
    print("all have answered", flush=True)
    while True:
        signal.pause()


main()
