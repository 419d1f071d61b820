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
from tracing import Trace

EXEC, ENTRY = "sched/sched_process_exec", "kvm/kvm_entry"
LIMIT_S = 120
LINE = re.compile(r"-(\d+) .* (\d+\.\d+): (\w+): ")


def begin():
    """It stops by itself at the first entry, so nothing is slowed after it."""
    trace = Trace()
    trace.write(f"events/{ENTRY}/trigger", "traceoff:1")
    for event in (EXEC, ENTRY):
        trace.write(f"events/{event}/enable", "1")
    return trace


def events(trace):
    """[(thread, s, event)] up to the first entry."""
    end = time.monotonic() + LIMIT_S
    while trace.read("tracing_on").strip() == "1":
        if time.monotonic() > end:
            sys.exit(f"no guest was entered in {LIMIT_S} s")
        time.sleep(0.02)
    return [(int(m[1]), float(m[2]), m[3]) for m in map(LINE.search, trace.read("trace").splitlines()) if m]


def kill(process):
    """It holds no device any more when this returns."""
    pids = processes(process.pid)
    for pid in pids:
        subprocess.run(["kill", "-9", str(pid)], stderr=subprocess.DEVNULL, check=False)
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.02)


def main():
    at = sys.argv.index("--")
    devices, command = sys.argv[2:at:2], sys.argv[at + 1:]
    opened = [open_seconds(device) for device in devices]
    trace = begin()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    found = events(trace)
    executed = next(at for thread, at, event in found
                    if event == "sched_process_exec" and thread == process.pid)
    entered = next(at for _, at, event in found if event == "kvm_entry")
    kill(process)
    trace.close()
    took = (entered - executed) * 1000
    result = {"entry_ms": round(took, 2)}
    if opened:
        result.update(open_ms=round(max(opened) * 1000, 2), beside_ms=round(took - max(opened) * 1000, 2))
    print(json.dumps(result))


main()
