# SPDX-License-Identifier: MIT
"""Whether somebody writes to memory that is free: by a device whose machine has died.

In L1:   python3 canary.py ADDRESS

For each line of its input it takes memory, of which the kernel hands out first what was given
back last, fills it, and looks at it again 0.3 s later: edu writes 0.1 s after it was told to. It
prints "canary: untouched" or where something was written, and "master" if the device may still do
DMA.
"""

import mmap
import sys
import time

MIB = 1 << 20
PATTERN = bytes([0xa5]) * MIB
MASTER = 4
COUNT = 48  # MiB: more than the machine had


def look(address):
    with mmap.mmap(-1, COUNT * MIB) as memory:
        for i in range(COUNT):
            memory[i * MIB:(i + 1) * MIB] = PATTERN
        time.sleep(0.3)
        touched = [i for i in range(COUNT) if memory[i * MIB:(i + 1) * MIB] != PATTERN]
    with open(f"/sys/bus/pci/devices/{address}/config", "rb") as config:
        master = config.read(5)[4] & MASTER
    return " ".join(map(str, ["written to" if touched else "untouched", *touched, *["master"] * bool(master)]))


if __name__ == "__main__":
    for _ in sys.stdin:
        print("canary:", look(sys.argv[1]), flush=True)
