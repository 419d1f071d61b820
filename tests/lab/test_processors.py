# SPDX-License-Identifier: MIT
"""Several processors: they are all there, and each queue of a device
interrupts its own."""

import re

import pytest

# L1 has one processor: with two, such a guest shuts down now and then (docs/lab.md).
pytestmark = pytest.mark.profile("nvme")


def vectors(guest):
    """{queue: [count of each processor]} of the guest's NVMe."""
    lines = guest.ask("cat /proc/interrupts").splitlines()
    return {int(found[1]): [int(n) for n in line.split()[1:5]]
            for line in lines if (found := re.search(r"nvme0q(\d+)", line))}


def test_each_queue_interrupts_its_own_processor(l1, boot):
    guest = boot(l1(), cpus=4)
    assert guest.ask("nproc") == "4"
    # The kernel looks for partitions when the disk is there already, on any processor; that is over then.
    guest.hash()
    before = vectors(guest)
    assert sorted(before) == [0, 1, 2, 3, 4], "one admin queue, one a processor"
    for cpu in range(4):
        guest.ask(f"diskio pin {cpu} /dev/nvme0n1 -n 64")
        after = vectors(guest)
        grown = {(queue, at): after[queue][at] - before[queue][at]
                 for queue in after for at in range(4)
                 if queue and after[queue][at] != before[queue][at]}
        assert len(grown) == 1, f"processor {cpu}: {grown}"
        (queue, at), count = grown.popitem()
        assert at == cpu and count >= 64, f"queue {queue} at {at}: {count}"
        before = after
    guest.power_off()
