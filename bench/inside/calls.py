# SPDX-License-Identifier: MIT
"""Counts a monitor's system calls, and prints a line of JSON.

    calls.py ioctls LOG -- COMMAND...   ioctls from the launch until the guest's driver is bound
    calls.py access LOG -- COMMAND...   calls of the processor's thread for an access that traps

strace writes LOG. KVM_RUN is no part of a count: it is the guest's time.
"""

import collections
import json
import re
import sys
from pathlib import Path

from measure import Monitor, counters, exits_of

READS = 100
KINDS = (
    ("slots", r"KVM_SET_USER_MEMORY_REGION2?\b|_IOC\(_IOC_WRITE, 0xae, 0x49"),
    ("routes", r"KVM_SET_GSI_ROUTING"),
    ("irqfds", r"KVM_IRQFD"),
    ("maps", r"VFIO_IOMMU_MAP_DMA|IOMMU_IOAS_MAP|_IOC\(\w+, 0x3b, 0x85"),
)


def calls(log, start=0):
    """[(thread, call)]; a call that another one interrupts in the log is there once."""
    with open(log, "rb") as trace:
        trace.seek(start)
        lines = trace.read().decode(errors="replace").splitlines()
    return [tuple(line.split(None, 1)) for line in lines if re.match(r"\d+ +\w+\(", line)]


def ioctls(monitor, log):
    monitor.wait("bench: bound")
    made = [call for _, call in calls(log) if "KVM_RUN" not in call]
    names = collections.Counter(
        found[1] for call in made if (found := re.search(r"ioctl\([^,]*, (\w+(?:\([^)]*\))?)", call)))
    return {"ioctls": len(made), "by_name": names,
            **{name: sum(bool(re.search(pattern, call)) for call in made) for name, pattern in KINDS}}


def access(monitor, log):
    monitor.wait("bench: bound")

    def during(count):
        start, before = Path(log).stat().st_size, counters()["mmio_exits"]
        exits_of(monitor, "reads", count)
        made = calls(log, start)
        processors = {thread for thread, call in made if "KVM_RUN" in call}
        return (sum(thread in processors and "KVM_RUN" not in call for thread, call in made),
                counters()["mmio_exits"] - before)

    during(READS)  # warm: the driver's last set-up is behind it
    (console, none), (made, exits) = during(0), during(READS)
    return {"bar_calls": round((made - console) / max(exits - none, 1), 2), "exits": exits - none}


def main():
    kind, log = sys.argv[1:3]
    Path(log).unlink(missing_ok=True)
    only = ["--seccomp-bpf", "-e", "trace=ioctl"] if kind == "ioctls" else []
    monitor = Monitor(["strace", "-f", *only, "-e", "signal=none", "-o", log, *sys.argv[4:]])
    result = {"ioctls": ioctls, "access": access}[kind](monitor, log)
    monitor.end()
    print(json.dumps(result))


main()
