#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""traces.py FILE TRACE: prints the spans of a trace, out of what a collector has written (OTLP as JSON, a request a line).

A line for each span: `SERVICE KIND NAME < SERVICE KIND NAME of its parent`, or `< -` where the parent is not in the file. One
that is linked to its parent ends in ` linked`; one that failed in ` failed`.
"""
import json
import sys

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}


def spans_of(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if not line.endswith("\n"):
                return  # it is being written
            for resource in json.loads(line)["resourceSpans"]:
                names = {one["key"]: one["value"].get("stringValue") for one in resource["resource"]["attributes"]}
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        yield names["service.name"], span


def title(service, span):
    return f"{service} {KINDS[span['kind']]} {span['name']}"


def main(path, trace):
    spans = {span["spanId"]: (service, span) for service, span in spans_of(path) if span["traceId"] == trace}
    for service, span in spans.values():
        parent = spans.get(span.get("parentSpanId"))
        line = f"{title(service, span)} < {title(*parent) if parent else '-'}"
        if any(link["spanId"] == span.get("parentSpanId") for link in span.get("links", [])):
            line += " linked"
        if span.get("status", {}).get("code") == 2:
            line += " failed"
        print(line)


main(*sys.argv[1:])
