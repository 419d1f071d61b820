# SPDX-License-Identifier: MIT
"""Where a run of the lab tests is, in a file of one line, for scripts/check.

    34 of 291 tests, 0 failed, about 21 min left; now: test_zoo.py::test_card

LAB_PROGRESS names the file; without it nothing is written. How long each test
took is kept beside it (.seconds), so that the next run knows what is left.

LAB_SAYS is the number of an open file to which each failure is written as it comes:
the test and the end of what pytest has to say of it. So a record of the output of
scripts/check shows why, also where the run does not get to its end.
Rules: only the first process writes, which hears of all tests from the workers.
"""

import contextlib
import json
import os
import time
from pathlib import Path

import pytest

SECONDS = 10  # that a test takes of which nothing is known
LINES, COLUMNS, OUTPUT = 60, 500, 12  # of a failure that are shown; lines of each thing that a test has printed


def minutes(seconds):
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


def end_of(text, count):
    return [line[:COLUMNS] for line in text.splitlines()[-count:]]


def shown(report):
    """A failed report, in a few lines."""
    lines = ["", f"FAILED {report.nodeid} ({report.when}, {report.duration:.0f} s)",
             *end_of(report.longreprtext, LINES)]
    for name, text in report.sections:
        lines += [f"-- {name}", *end_of(text, OUTPUT)]
    return "".join(f"{line}\n" for line in lines)


class Says:
    """Tells of each failure at once."""

    def __init__(self, fd):
        self.fd = fd

    def pytest_runtest_logreport(self, report):
        if report.failed:
            text = shown(report).encode(errors="replace")
            with contextlib.suppress(OSError):  # nobody may be reading any more
                while text:
                    text = text[os.write(self.fd, text):]


class Progress:
    def __init__(self, path, workers):
        self.path, self.workers = Path(path), workers
        self.durations = self.path.with_suffix(".seconds")
        try:
            self.known = json.loads(self.durations.read_text())
        except (OSError, ValueError):
            self.known = {}
        self.left, self.running = set(), {}
        self.total = self.failed = 0
        self.took = {}

    # What there is to do: each worker says all of it, or without workers this process does.

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        self.begin(ids)

    def pytest_collection_finish(self, session):
        if session.items:
            self.begin([item.nodeid for item in session.items])

    def begin(self, ids):
        if not self.total:
            # With groups, xdist adds "@group" to the names.
            self.left = {name.split("@")[0] for name in ids}
            self.total = len(self.left)
            self.write()

    def pytest_runtest_logstart(self, nodeid, location):
        self.running[nodeid.split("@")[0]] = time.monotonic()
        self.write()

    def pytest_runtest_logreport(self, report):
        name = report.nodeid.split("@")[0]
        self.took[name] = self.took.get(name, 0) + report.duration
        self.failed += report.failed
        if report.when == "teardown":
            self.left.discard(name)
            self.running.pop(name, None)
            self.write()

    def pytest_sessionfinish(self):
        # One that failed early says nothing of how long it takes.
        self.durations.write_text(json.dumps(
            {**self.known, **{n: round(s, 1) for n, s in self.took.items()}}, indent=0))

    def seconds_left(self):
        sums = [self.took[n] for n in self.took if n not in self.left]
        unknown = sum(sums) / len(sums) if len(sums) > 9 else SECONDS
        left = sum(self.known.get(name, unknown) for name in self.left)
        now = time.monotonic()
        spent = sum(min(now - began, self.known.get(name, unknown))
                    for name, began in self.running.items())
        return max(left - spent, 0) / self.workers

    def write(self):
        done = self.total - len(self.left)
        now = ", ".join(name.removeprefix("tests/lab/") for name in self.running)
        # All at once: somebody reads it at any time.
        new = self.path.with_suffix(".new")
        new.write_text(f"{done} of {self.total} tests, {self.failed} failed, "
                       f"about {minutes(self.seconds_left())} left; now: {now or 'nothing'}\n")
        new.rename(self.path)


def register(config):
    if hasattr(config, "workerinput"):
        return
    path, says = os.environ.get("LAB_PROGRESS"), os.environ.get("LAB_SAYS")
    if says:
        config.pluginmanager.register(Says(int(says)))
    if path:
        workers = getattr(config.option, "numprocesses", None) or 1
        config.pluginmanager.register(Progress(path, workers))
