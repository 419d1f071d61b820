# SPDX-License-Identifier: MIT
"""Runs one monitor in L1 and prints one line of JSON about it.

    measure.py MIB READS -- COMMAND...

Rules: counts come from KVM (debugfs) and from the kernel's view of the
processes, so that every monitor is measured by the same means. "Exits to user
space" are those for I/O ports and for memory. The guest is bench/guest-init.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

KVM = Path("/sys/kernel/debug/kvm")
COUNTERS = ("exits", "io_exits", "mmio_exits")


def wait_line(process, marker):
    """Reads the guest's console up to a line that has the marker."""
    for line in process.stdout:
        if marker in line:
            return time.monotonic()
    sys.exit(f"the guest ended before it said {marker!r}")


def counters():
    """Of the one machine that runs (the lab's own is idle), over its processors."""
    machines = [p for p in KVM.iterdir() if p.is_dir()]
    return {name: sum(int((m / name).read_text()) for m in machines)
            for name in COUNTERS}


def user_exits(now):
    return now["io_exits"] + now["mmio_exits"]


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def processes(root):
    """The process and all that it started."""
    everyone = {int(p.name): parent(p.name) for p in Path("/proc").iterdir()
                if p.name.isdigit()}
    found = [root]
    for pid in found:
        found += [c for c, of in everyone.items() if of == pid]
    return found


def private_kib(pid, guest_mib):
    """Private memory less the guest's RAM and what is mapped of a device."""
    total, skip = 0, False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        head = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", line)
        if head:
            skip = "vfio" in head.group(1)
            continue
        name, value = line.split(":", 1)
        if name == "Size" and int(value.split()[0]) >= guest_mib * 512:
            skip = True
        elif name in ("Private_Clean", "Private_Dirty") and not skip:
            total += int(value.split()[0])
    return total


def read_disk(process, count):
    """User exits while the guest reads `count` times, its console's included."""
    before = user_exits(counters())
    process.stdin.write(f"{count:04}\n")  # the same length: it is echoed
    process.stdin.flush()
    wait_line(process, "bench: done")
    return user_exits(counters()) - before


def main():
    guest_mib, reads = int(sys.argv[1]), int(sys.argv[2])
    start = time.monotonic()
    process = subprocess.Popen(sys.argv[4:], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.PIPE, bufsize=1)
    first = wait_line(process, "bench: first") - start
    at_first = counters()
    bound = wait_line(process, "bench: bound") - start
    at_bound = counters()
    memory = sum(private_kib(p, guest_mib) for p in processes(process.pid))
    read_disk(process, reads)  # warm: the driver's last set-up is behind it
    idle = [read_disk(process, 0) for _ in range(3)]
    busy = [read_disk(process, reads) for _ in range(3)]
    process.stdin.write("end\n")
    process.stdin.flush()
    process.communicate()
    print(json.dumps({
        "first_s": round(first, 2), "bound_s": round(bound, 2),
        "exits_first": at_first["exits"],
        "user_exits_first": user_exits(at_first),
        "user_exits_bound": user_exits(at_bound),
        "exits_bound": at_bound["exits"],
        "private_kib": memory,
        "user_exits_idle": min(idle), "user_exits_reads": min(busy),
        "reads": reads, "status": process.returncode,
    }))


if __name__ == "__main__":
    main()
