#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Redis that is slow: forwards a port to a Redis and lets through so many commands a second of each connection.

    slow_redis.py LISTEN_PORT REDIS_PORT COMMANDS_PER_SECOND

So what a service behind it can do is known, small, and the same on a busy machine. Ends with SIGTERM.
"""
import asyncio
import sys

CATCH_UP = 0.1  # seconds of a busy machine's pauses that are made up for


async def read_command(reader):
    """The bytes of the next command: an array of bulk strings, which is all that clients send."""
    line = await reader.readline()
    if not line:
        return None
    command = [line]
    for _ in range(int(line[1:])):
        line = await reader.readline()
        command += [line, await reader.readexactly(int(line[1:]) + 2)]
    return b"".join(command)


async def forward_commands(reader, writer, per_second):
    loop = asyncio.get_running_loop()
    due = 0
    while (command := await read_command(reader)) is not None:
        due = max(due, loop.time() - CATCH_UP) + 1 / per_second
        await asyncio.sleep(due - loop.time())
        writer.write(command)
        await writer.drain()


async def forward_answers(reader, writer):
    while answers := await reader.read(65536):
        writer.write(answers)
        await writer.drain()


async def serve(client_reader, client_writer, redis_port, per_second):
    redis_reader, redis_writer = await asyncio.open_connection("127.0.0.1", redis_port)
    ways = [asyncio.create_task(forward_commands(client_reader, redis_writer, per_second)),
            asyncio.create_task(forward_answers(redis_reader, client_writer))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    client_writer.close()
    redis_writer.close()


async def main(listen_port, redis_port, per_second):
    server = await asyncio.start_server(lambda reader, writer: serve(reader, writer, redis_port, per_second), "127.0.0.1",
                                        listen_port, limit=2**24)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
