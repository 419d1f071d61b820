# SPDX-License-Identifier: MIT
"""The guest reads and writes an assigned NVMe drive, and the file behind it
agrees."""

import pytest


@pytest.mark.profile("nvme")
def test_whole_disk_reads_right(l1, boot, sha256):
    machine = l1()
    guest = boot(machine)
    assert guest.hash(depth=8) == sha256(machine.drives[0])
    guest.power_off()


@pytest.mark.profile("nvme")
def test_verified_writes_reach_the_file(l1, boot, sha256):
    machine = l1()
    before = sha256(machine.drives[0])
    guest = boot(machine)
    said = guest.ask("wait_for /dev/nvme0n1 && "
                     "diskio fill /dev/nvme0n1 --seed 20 --depth 8")
    assert said == f"verified {64 << 20} bytes"
    digest = guest.hash()
    guest.power_off()
    assert before != digest == sha256(machine.drives[0])


@pytest.mark.profile("nvme-big")
def test_buffers_above_four_gib(l1, boot, sha256):
    machine = l1()
    guest = boot(machine, memory="4608M")
    said = guest.ask("wait_for /dev/nvme0n1 && "
                     "diskio fill /dev/nvme0n1 --seed 21 --depth 8 --high")
    low, high = (int(w, 16) for w in said.split() if w.startswith("0x"))
    assert 4 << 30 <= low < high
    assert f"verified {64 << 20} bytes" in said
    digest = guest.hash()
    guest.power_off()
    assert digest == sha256(machine.drives[0])


@pytest.mark.profile("nvme")
def test_without_mapped_bars(l1, boot, sha256):
    """Every access to the device's registers traps, and it works all the same."""
    machine = l1()
    guest = boot(machine, properties=",x-no-mmap=on")
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    # Two doorbells a request at the very least: 512 requests of 128 KiB.
    assert guest.stats["bar"] > 1024
