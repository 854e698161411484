# SPDX-License-Identifier: Apache-2.0
"""Calls replicas of customer without a pause, as gRPC's own clients do: round robin, and gRPC tries again what was
UNAVAILABLE. Run by rolling_restarts.sh with the replicas' addresses ("127.0.0.1:50051,127.0.0.1:50061"). Ends at
SIGTERM and prints what became of the calls: "<number> OK", and a line for each kind of failure.
"""

import collections
import json
import signal
import sys
import threading

import grpc

CALLERS = 4
SECONDS = 60  # the deadline of a call: long, for what is looked for is no matter of time
SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
OPTIONS = [
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
]


def keep_calling(list_customers, ended, outcomes):
    page_of_one = b"\x08\x01"
    while not ended.is_set():
        try:
            list_customers(page_of_one, timeout=SECONDS)
            outcomes["OK"] += 1
        except grpc.RpcError as error:
            outcomes[f"{error.code().name} {error.details()}"] += 1


def main():
    channel = grpc.insecure_channel("ipv4:" + sys.argv[1], options=OPTIONS)
    list_customers = channel.unary_unary("/ordershop.v1.CustomerService/ListCustomers")
    ended, outcomes = threading.Event(), [collections.Counter() for _ in range(CALLERS)]
    callers = [threading.Thread(target=keep_calling, args=(list_customers, ended, own)) for own in outcomes]
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    for caller in callers:
        caller.start()
    ended.wait()
    for caller in callers:
        caller.join()
    for outcome, count in sum(outcomes, collections.Counter()).items():
        print(count, outcome)


main()
