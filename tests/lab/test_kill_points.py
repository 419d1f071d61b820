# SPDX-License-Identifier: MIT
"""kill -9 of the machine or of its keeper at random points, while a device writes to the guest's
memory that nothing can reset, and that writes late: 0.1 s after it was told to. Memory that went
back to the host is not written to, and the next `lend run` has the device at once."""

import random
import time
from pathlib import Path

import pytest

from bare import EDU, bare, image, machine, peer, slot  # noqa: F401, fixtures among them

pytestmark = [pytest.mark.profile("bare"), pytest.mark.long]
SEED = 16
TRANSFERS, BYTES = 24, 4096
# Of the transfers, which take 0.1 s each, this many seconds at most are over.
LATEST = 1.0
CANARY = Path(__file__).with_name("canary.py")


def test_killed_at_any_point(bare, machine):
    point = random.Random(SEED)
    address = machine.addresses[EDU]
    canary = machine.start(["python3", CANARY, address], stdin=True, timeout=3600)
    for number in range(200):
        guest = bare(EDU, memory="32M")
        before = len(guest.out)
        which = point.choice(["machine", "keeper"])
        pid = getattr(guest, which)
        guest.tell("\n".join(f"edu {slot(1)} dma out {0x1000000 + n * BYTES:#x} {BYTES}"
                             for n in range(TRANSFERS)))
        time.sleep(point.uniform(0, LATEST))
        machine.run(f"kill -9 {pid}; while pgrep ^lend >/dev/null; do :; done", check=True, timeout=60)
        seen = len(canary.out)
        canary.send("look\n")
        found = canary.expect("canary: (.*)\n", 60, after=seen)[1]
        guest.command.wait(20)
        assert guest.out[before:].count("guest: edu dma out") < TRANSFERS, "no DMA was going on"
        assert found == "untouched", f"point {number}: {which} killed"
    canary.kill()
    canary.wait()
    guest = bare(EDU)
    assert guest.ask(f"edu {slot(1)} dma") == "dma 4096 bytes there and back"
    guest.power_off()
