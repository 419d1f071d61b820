# SPDX-License-Identifier: MIT
"""From exec to the guest's first instruction, as a line of JSON.

    entry.py [--device ADDRESS]... -- COMMAND...

The kernel's own trace points tell when the program was executed, and when KVM first entered
the guest. With devices, what each costs that nobody else can spare is measured beside it: how
long the kernel takes to open it with a reset.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from measure import processes
from opening import open_seconds

TRACE = Path("/sys/kernel/debug/tracing")  # mounted by the kernel when it is looked at
EVENTS = "sched/sched_process_exec", "kvm/kvm_entry"
LIMIT_S = 120
LINE = re.compile(r"-(\d+) .* (\d+\.\d+): (\w+): (.*)")


class Trace:
    """An instance of its own. It stops by itself at the first entry, so nothing is slowed after it."""

    def __init__(self):
        self._folder = TRACE / "instances/bench"
        self._folder.mkdir(exist_ok=True)
        self._write("trace_clock", "mono")
        self._write("trace", "")
        self._write("events/kvm/kvm_entry/trigger", "!traceoff:1", may_fail=True)
        self._write("events/kvm/kvm_entry/trigger", "traceoff:1")
        for event in EVENTS:
            self._write(f"events/{event}/enable", "1")
        self._write("tracing_on", "1")

    def _write(self, name, text, may_fail=False):
        try:
            (self._folder / name).write_text(text)
        except OSError:
            if not may_fail:
                raise

    def wait(self):
        end = time.monotonic() + LIMIT_S
        while (self._folder / "tracing_on").read_text().strip() == "1":
            if time.monotonic() > end:
                sys.exit(f"no guest was entered in {LIMIT_S} s")
            time.sleep(0.02)

    def lines(self):
        return [m.groups() for m in map(LINE.search, (self._folder / "trace").read_text().splitlines()) if m]

    def close(self):
        for event in EVENTS:
            self._write(f"events/{event}/enable", "0")
        self._folder.rmdir()


def kill(process):
    """It holds no device any more when this returns."""
    pids = processes(process.pid)
    for pid in pids:
        subprocess.run(["kill", "-9", str(pid)], check=False)
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.02)


def main():
    at = sys.argv.index("--")
    devices, command = sys.argv[2:at:2], sys.argv[at + 1:]
    opened = [open_seconds(device) for device in devices]
    trace = Trace()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    trace.wait()
    lines = trace.lines()
    executed = next(float(when) for pid, when, event, _ in lines
                    if event == "sched_process_exec" and int(pid) == process.pid)
    entered = next(float(when) for _, when, event, _ in lines if event == "kvm_entry")
    kill(process)
    trace.close()
    took = (entered - executed) * 1000
    result = {"entry_ms": round(took, 2)}
    if opened:
        result.update(open_ms=round(max(opened) * 1000, 2), beside_ms=round(took - max(opened) * 1000, 2))
    print(json.dumps(result))


main()
