# SPDX-License-Identifier: MIT
"""Frames between the lab's host side and its agent inside L1.

A frame is a header {kind, number of the command, length} and that many bytes.
Rules: both sides use this file and nothing else to speak; a payload is raw
bytes for data and JSON for the rest.
"""

import json
import struct

HEADER = struct.Struct("!BII")

# From the host side.
HELLO = 1    # JSON: what the agent sets up before it is ready
START = 2    # JSON: argv, cwd, env, pty, stdin
STDIN = 3    # data; empty closes it
SIGNAL = 4   # JSON: number, group: the process, its group, or its whole cgroup
PUT = 5      # JSON line {path, mode}, then the file's bytes
BYE = 6      # power off

# From the agent.
READY = 16   # JSON: release, seconds since boot
OUT = 17     # data of standard output (or of the terminal)
ERR = 18     # data of standard error
EXIT = 19    # JSON: status or signal, or error where it could not start
DONE = 20    # JSON: a PUT is done, or its error


def pack(kind, number, payload=b""):
    if not isinstance(payload, (bytes, bytearray, memoryview)):
        payload = json.dumps(payload).encode()
    return HEADER.pack(kind, number, len(payload)) + payload


class Splitter:
    """Cuts a byte stream into frames."""

    def __init__(self):
        self._held = bytearray()

    def feed(self, data):
        self._held += data
        while len(self._held) >= HEADER.size:
            kind, number, length = HEADER.unpack_from(self._held)
            end = HEADER.size + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[HEADER.size:end])
            del self._held[:end]
            yield kind, number, payload
