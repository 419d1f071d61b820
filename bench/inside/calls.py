# SPDX-License-Identifier: MIT
"""Counts a monitor's system calls by the kernel's trace points, and prints a line of JSON.

    calls.py ioctls -- COMMAND...   ioctls from the launch until the guest's driver is bound, and returns
                                    of KVM_RUN with an access for user space
    calls.py access -- COMMAND...   calls of the processor's thread for an access that traps

KVM_RUN is no part of a count: it is the guest's time. Threads that were there before are not
the monitor's.
"""

import collections
import json
import re
import sys
from pathlib import Path

from measure import Monitor, counters, exits_of, silently
from tracing import Trace

READS = 100
IOCTL, ANY = "syscalls/sys_enter_ioctl", "raw_syscalls/sys_enter"
RUN = 0xae80
LEFT, ACCESSES = "kvm/kvm_userspace_exit", (2, 6)  # KVM_EXIT_IO, KVM_EXIT_MMIO
# Type and number of a command, whatever the size of its argument.
KINDS = {"slots": (0xae46, 0xae49), "routes": (0xae6a,), "irqfds": (0xae76,), "maps": (0x3b71, 0x3b85)}
HEADERS = Path("/usr/include/linux")
OTHERS = re.compile("_(PPC|S390|ARM|RISCV|X86)_")
BASES = {"KVMIO": 0xae00, "VFIO_TYPE": 0x3b00}


def names():
    """{type and number: name}, as far as the kernel's headers are here."""
    found = {}
    for header in ("kvm.h", "vfio.h"):
        path = HEADERS / header
        text = path.read_text() if path.exists() else ""
        for name, kind, base, number in re.findall(
                r"#define\s+(\w+)[\s\\]+_IO[RW]*\((KVMIO|VFIO_TYPE),\s*(VFIO_BASE \+ )?(\w+)", text):
            command = BASES[kind] + int(number, 0) + (100 if base else 0)
            # A number stands for several commands: that of a container goes before that of a device.
            if not OTHERS.search(name) and (command not in found or "VFIO_IOMMU" in name):
                found[command] = name
    return found


def threads():
    return {int(p.name) for p in Path("/proc").glob("[0-9]*/task/[0-9]*")}


def ioctls(monitor, trace, before):
    monitor.wait("bench: bound")
    counts, known = collections.Counter(), names()
    for (thread, command), number in trace.counted(IOCTL).items():
        if thread not in before and command & 0xffff != RUN:
            counts[command & 0xffff] += number
    left = sum(number for (_, reason), number in trace.counted(LEFT).items() if reason in ACCESSES)
    return {"left_bound": left, "ioctls": counts.total(),
            **{name: sum(counts[c] for c in of) for name, of in KINDS.items()},
            "by_name": {known.get(c, f"{c:#x}"): n for c, n in counts.most_common()}}


def access(monitor, trace, _):
    monitor.wait("bench: bound")

    def now():
        run = {thread: n for (thread, command), n in trace.counted(IOCTL).items() if command & 0xffff == RUN}
        calls = sum(n for (thread, _), n in trace.counted(ANY).items() if thread in run)
        return calls - sum(run.values()), counters()["mmio_exits"]

    exits_of(monitor, "reads", READS)  # warm: the driver's last set-up is behind it
    made, exits = silently(monitor, f"reads {READS}", now)
    return {"bar_calls": round(made / max(exits, 1), 2), "exits": exits}


def main():
    before, trace = threads(), Trace()
    trace.count(IOCTL, "cmd")
    trace.count(ANY, "id")
    trace.count(LEFT, "reason")
    monitor = Monitor(sys.argv[3:])
    result = {"ioctls": ioctls, "access": access}[sys.argv[1]](monitor, trace, before)
    monitor.end()
    trace.close()
    print(json.dumps(result))


main()
