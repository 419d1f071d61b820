# SPDX-License-Identifier: MIT
"""A command under way in L1, and what came of it.

Rules: each command has a time limit of its own (lab/patience.py); when it is over, everything
the command started is killed and the Result says so. Its output is kept whole
and written to a log of its own as it comes.
"""

import dataclasses
import json
import os
import re
import shlex
import signal
import threading
import time

from lab import wire
from lab.patience import patient

LIMIT = 120
GRACE = 10


class CommandFailed(Exception):
    pass


@dataclasses.dataclass
class Result:
    """How a command ended: a status, or the signal that killed it."""

    argv: list
    status: int | None
    signal: int | None
    timed_out: bool
    out: str
    err: str
    seconds: float
    log: str
    error: str = ""

    @property
    def ok(self):
        return self.status == 0 and not self.timed_out

    def ending(self):
        if self.timed_out:
            return "timed out"
        if self.error:
            return f"could not start: {self.error}"
        if self.signal:
            return f"crashed: killed by {signal.Signals(self.signal).name}"
        return f"exit status {self.status}"

    def check(self):
        if not self.ok:
            last = (self.err or self.out).strip().splitlines()[-5:]
            raise CommandFailed(f"{shlex.join(self.argv)}: {self.ending()}; "
                                f"log: {self.log}\n" + "\n".join(last))
        return self


def as_list(argv):
    return ["/bin/sh", "-c", argv] if isinstance(argv, str) else \
        [str(a) for a in argv]


def spec_of(argv, options):
    return {"argv": as_list(argv),
            "cwd": str(options.get("cwd") or os.getcwd()),
            "env": {k: str(v) for k, v in (options.get("env") or {}).items()},
            "pty": bool(options.get("pty")),
            "stdin": bool(options.get("stdin")) or
            options.get("input") is not None}


class Command:
    def __init__(self, session, number, argv, timeout=LIMIT, sink=None, **_):
        self.argv = as_list(argv)
        self.number = number
        self.error = ""
        self._session = session
        self._limit = patient(timeout)
        self._sink = sink
        self._started = time.monotonic()
        self._parts = {wire.OUT: bytearray(), wire.ERR: bytearray()}
        self._changed = threading.Condition()
        self._code = None
        self._result = None
        self._lost = False
        # In L1; its cgroup.procs lists what it left running.
        self.cgroup = f"/sys/fs/cgroup/lab/{number}"
        self.log = session.folder / f"command-{number:03}.log"
        self._file = open(self.log, "wb")
        self._file.write(f"$ {shlex.join(self.argv)}\n".encode())

    # Called by the session's reader

    def handle(self, kind, payload):
        with self._changed:
            if kind in self._parts:
                self._parts[kind] += payload
                self._file.write(payload)
                self._file.flush()
            elif kind in (wire.EXIT, wire.DONE):
                self._code = json.loads(payload)
                self.error = self._code.get("error", "")
            self._changed.notify_all()
        if kind in self._parts and self._sink:
            self._sink(payload, kind == wire.ERR)

    def lost(self):
        with self._changed:
            self._lost = True
            self._changed.notify_all()

    # For users

    @property
    def running(self):
        return self._code is None and not self._lost

    @property
    def out(self):
        return self._parts[wire.OUT].decode(errors="replace")

    @property
    def err(self):
        return self._parts[wire.ERR].decode(errors="replace")

    def send(self, data):
        """Feeds its standard input (or types on its terminal)."""
        data = data.encode() if isinstance(data, str) else data
        for at in range(0, len(data), 1 << 15):
            self._session._send(wire.STDIN, self.number, data[at:at + (1 << 15)])

    def close_stdin(self):
        self._session._send(wire.STDIN, self.number)

    def kill(self, number=signal.SIGTERM, scope="process"):
        """Signals its process, its `group`, or kills its whole `cgroup`."""
        self._session._send(wire.SIGNAL, self.number,
                            {"number": int(number), "scope": scope})

    def expect(self, pattern, timeout=60, after=None):
        """Waits until the output matches; returns the match. With `after`, only what the
        standard output has after so many characters is looked at."""
        with self._changed:
            limit = patient(timeout)
            end = time.monotonic() + limit
            while True:
                found = re.search(pattern, self.out + self.err if after is None else self.out[after:])
                if found:
                    return found
                left = end - time.monotonic()
                if self._lost:
                    raise self._session.failure()
                if self._code is not None or left <= 0:
                    what = "it ended" if self._code is not None else \
                        f"{limit:g} s went by"
                    raise CommandFailed(f"{shlex.join(self.argv)}: no match for"
                                        f" {pattern!r} before {what}; log: "
                                        f"{self.log}\n{self.out[-500:]}{self.err[-500:]}")
                self._changed.wait(left)

    def wait(self, timeout=None, least=0):
        """Its Result; kills it when `timeout` is over, from now on, or else its own limit and `least`."""
        if self._result:
            return self._result
        now = time.monotonic()
        timed_out = not self._settled(max(self._started + self._limit, now + patient(least))
                                      if timeout is None else now + patient(timeout))
        if timed_out:
            self.kill(scope="cgroup")
            if not self._settled(time.monotonic() + patient(GRACE)):
                # Not even a kill gets through: L1 itself hangs.
                self._session.kill()
        if self._lost and not timed_out:
            raise self._session.failure()
        self._result = self._finish(timed_out)
        return self._result

    def _settled(self, end):
        with self._changed:
            while self.running:
                left = end - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _finish(self, timed_out):
        code = self._code or {}
        status = code.get("status")
        result = Result(
            self.argv, 127 if self.error else status, code.get("signal"),
            timed_out, self.out, self.err, time.monotonic() - self._started,
            str(self.log), self.error)
        with self._changed:
            self._file.write(f"\n# {result.ending()}, "
                             f"{result.seconds:.2f} s\n".encode())
            self._file.flush()
        self._session.history.append(result)
        return result
