# SPDX-License-Identifier: MIT
"""What can be known of a machine in L1 that stands still, from inside and outside."""

import time

from lab import cache
from lab.command import CommandFailed
from lab.monitor import MonitorError

SAMPLES = 12
OUTSIDE = ("info registers -a", "info cpus")


def evidence(l1, command):
    """Writes it to a file in the session's folder, and returns the path.

    Where L1's processors are (one that is in the guest shows the guest's
    registers), their APICs, lab/stuck, lend's own report (SIGUSR1), and the end
    of L1's kernel log. The machine goes on as it did.
    """
    path = l1.folder / f"stands-still-{command.number:03}.txt"
    with open(path, "w") as out:
        out.write(f"{command.argv}\n== its output\n{command.out}\n"
                  f"== its errors\n{command.err}\n")
        for n in range(SAMPLES):
            out.write(f"== L1's processors, sample {n + 1}\n")
            out.write("".join(outside(l1, line) for line in OUTSIDE))
            time.sleep(0.05)
        out.write("== L1's APICs\n")
        out.write("".join(outside(l1, f"info lapic {n}") for n in range(l1.profile.smp)))
        out.flush()
        out.write(inside(l1, [cache.LAB / "stuck"]))
        inside(l1, "pkill -USR1 -x lend")
        time.sleep(1)
        out.write(f"\n== its errors, after SIGUSR1\n{command.err}\n"
                  f"== L1's kernel\n{inside(l1, 'dmesg | tail -n 40')}")
    return path


def outside(l1, line):
    try:
        return l1.monitor.hmp(line)
    except MonitorError as e:
        return f"{line}: {e}\n"


def inside(l1, argv):
    try:
        return l1.run(argv, timeout=60).out
    except CommandFailed as e:
        return f"{e}\n"
