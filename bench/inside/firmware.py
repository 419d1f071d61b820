# SPDX-License-Identifier: MIT
"""Runs one monitor with UEFI firmware in L1 and prints one line of JSON about it.

    firmware.py MIB FLASH_KIB lend|plain|TRACE loader|login -- COMMAND...

The disk's boot loader is GRUB, and behind it is an installed Debian (lab/system). KVM's own
counters (measure.py) have each access of a port, also those that it serves itself, and know
nothing of ports. So lend is asked for its counts (SIGUSR1), and QEMU is run once more with its
trace points for accesses, which TRACE is the file of; that run is slower, and ends at the boot
loader.
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from measure import counters, private, user_exits

LOADER, LOGIN = b"Welcome to GRUB", b"lend-system login:"
PROMPT = b"root@lend-system:~# "
TIMER_PORT, TIMER_REGION = rb"exits for I/O ports[^\n]* 0x608 (\d+)", "acpi-tmr"
EXITS = rb"processor 0: (\d+) exits to user space"


class Output:
    """What comes from a process, as it comes: neither a menu nor a prompt ends a line."""

    def __init__(self, stream):
        self._fd, self._said = stream.fileno(), b""

    def wait(self, pattern):
        while not (found := re.search(pattern, self._said)):
            more = os.read(self._fd, 65536)
            if not more:
                sys.exit(f"the end came before {pattern!r}: {self._said[-300:]!r}")
            self._said += more
        self._said = self._said[found.end():]
        return found


def traced(path):
    """Accesses by the name of what was reached."""
    counts = collections.Counter()
    with open(path, errors="replace") as trace:
        for line in trace:
            name = re.search(r"name '([^']*)'", line)
            counts[name[1] if name else "?"] += 1
    return counts


def main():
    guest_mib, flash_kib, kind, until = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
    start = time.monotonic()
    process = subprocess.Popen(sys.argv[6:], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, bufsize=0)
    console, errors = Output(process.stdout), Output(process.stderr)
    console.wait(re.escape(LOADER))
    result = {"loader_s": round(time.monotonic() - start, 2), **counters()}
    result["user_exits"] = user_exits(result)
    if kind == "lend":
        process.send_signal(signal.SIGUSR1)
        found = errors.wait(rb"(?s)processor 0: .*exits for I/O ports[^\n]*\n")[0]
        result.update(user_exits=int(re.search(EXITS, found)[1]),
                      pm_timer=int(re.search(TIMER_PORT, found)[1]), told=found.decode())
    result["private_kib"] = private(process.pid, guest_mib) - flash_kib
    if until == "loader":
        process.kill()
        process.wait()
        if kind not in ("lend", "plain"):
            regions = traced(kind)
            result.update(pm_timer=regions[TIMER_REGION], regions=regions)
        print(json.dumps(result))
        return
    console.wait(re.escape(LOGIN))
    result["login_s"] = round(time.monotonic() - start, 2)
    result["private_kib"] = private(process.pid, guest_mib) - flash_kib
    process.stdin.write(b"root\n")
    console.wait(re.escape(PROMPT))
    process.stdin.write(b"sync; poweroff -ff\n")
    process.communicate()
    print(json.dumps({**result, "status": process.returncode}))


if __name__ == "__main__":
    main()
