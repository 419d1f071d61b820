# SPDX-License-Identifier: MIT
"""What is counted of a monitor, by the same means for each of them.

Rules: counts come from KVM (debugfs) and from the kernel's view of the processes. "Exits to
user space" are those for I/O ports and for memory. It runs on the host of the guest, in the
lab or elsewhere, and needs root. The guest is bench/guest-init.
"""

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

KVM = Path("/sys/kernel/debug/kvm")
COUNTERS = ("exits", "io_exits", "mmio_exits")
SILENT = 0.5  # s, before and after the guest's work (bench/guest-init)


class Monitor:
    """One that runs, and its guest's console."""

    def __init__(self, command):
        self.start = time.monotonic()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True,
                                         stdout=subprocess.PIPE, bufsize=1, errors="replace")
        self.pid = self._process.pid

    def wait(self, marker):
        """Reads the console up to a line that has the marker: (s since its start, the lines)."""
        lines = []
        for line in self._process.stdout:
            lines.append(line.rstrip())
            if marker in line:
                return time.monotonic() - self.start, lines
        sys.exit(f"the guest ended before it said {marker!r}: {' '.join(lines[-3:])}")

    def tell(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def ask(self, line):
        """The lines that came until it was done."""
        self.tell(line)
        return self.wait("bench: done")[1]

    def end(self):
        """Its exit status."""
        self.tell("end")
        self._process.communicate()
        return self._process.returncode


def counters():
    """Of the one machine that runs (the lab's own is idle), over its processors."""
    machines = [p for p in KVM.iterdir() if p.is_dir()]
    return {name: sum(int((m / name).read_text()) for m in machines) for name in COUNTERS}


def user_exits(now):
    return now["io_exits"] + now["mmio_exits"]


def parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def processes(root):
    """The process and all that it started."""
    everyone = {int(p.name): parent(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()}
    found = [root]
    for pid in found:
        found += [c for c, of in everyone.items() if of == pid]
    return found


WRITTEN = ("Private_Dirty",)


def private_kib(pid, guest_mib, kinds):
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
        elif name in kinds and not skip:
            total += int(value.split()[0])
    return total


def private(pid, guest_mib, kinds=("Private_Clean", "Private_Dirty")):
    """Of the process and all that it started; WRITTEN: without pages of files that it alone has read."""
    return sum(private_kib(p, guest_mib, kinds) for p in processes(pid))


def silently(monitor, line, sample):
    """What `sample`, which gives numbers, grows by while the guest is at work and says nothing."""
    monitor.tell(line)
    monitor.wait("bench: begin")
    time.sleep(SILENT / 2)
    before, samples = sample(), []
    waiting = threading.Thread(target=monitor.wait, args=("bench: done",))
    waiting.start()
    while waiting.is_alive():
        samples.append((time.monotonic(), sample()))
        time.sleep(0.05)
    end = time.monotonic() - SILENT / 2
    after = [values for at, values in samples if at < end][-1]
    return [b - a for a, b in zip(before, after)]


def exits_of(monitor, what, count):
    """Exits to user space while the guest does something so often."""
    return silently(monitor, f"{what} {count}", lambda: [user_exits(counters())])[0]
