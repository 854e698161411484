# SPDX-License-Identifier: Apache-2.0
"""Opens idle HTTP/2 connections to a port of loopback and keeps them until SIGTERM: many_connections.py PORT COUNT
FROM-ADDRESS... Each address is used in turn. Prints how many were taken, once that is known of all: a server greets those
that it takes with its settings, the others it resets.
"""

import signal
import socket
import sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NO_SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def connect(port, source):
    connection = socket.socket()
    connection.settimeout(60)
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def is_taken(connection):
    try:
        connection.sendall(PREFACE + NO_SETTINGS)
        return bool(connection.recv(9))
    except ConnectionError:
        return False


def main():
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    port, count, sources = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    connections = []
    for i in range(count):
        try:
            connections.append(connect(port, sources[i % len(sources)]))
        except ConnectionError:
            pass
    print(sum([is_taken(connection) for connection in connections]), flush=True)
    while True:
        signal.pause()


main()
