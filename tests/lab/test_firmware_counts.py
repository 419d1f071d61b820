# SPDX-License-Identifier: MIT
"""What a boot by UEFI firmware costs, counted."""

import pytest

from firmware import HOST, shell_disk
from lab.machine import Profile

pytestmark = pytest.mark.firmware
TIMER = "0x608"


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    copy = tmp_path_factory.mktemp("disks") / "disk.img"
    copy.write_bytes(shell_disk("nvme").read_bytes())
    return Profile(**HOST, drives=(str(copy),), devices=("nvme,serial=lend0,drive=d0",))


def ports(stats, first, last):
    return sum(count for port, count in stats["port"].items() if first <= int(port, 16) <= last)


@pytest.mark.long
def test_exits_of_a_boot(firmware):
    """None but the PM timer's is a matter of time: with one release of the firmware the others are the
    same each time, or nearly. The limits leave 5 % and more."""
    shell = firmware(0).ready()
    shell.power_off()
    stats = shell.stats
    assert stats["port"][TIMER] > 1000
    assert ports(stats, 0x510, 0x51b) <= 1000  # fw_cfg
    assert stats["flash"] <= 12200
    assert stats["flash_slots"] <= 220
    assert ports(stats, 0xcf8, 0xcff) <= 220
    assert stats["config"] <= 800  # the rest is read as memory
    assert ports(stats, 0x70, 0x71) <= 450
    # KVM keeps the writes to the store, two for each byte of a variable.
    assert stats["mmio"] <= 850
    assert stats["mmio"] + stats["pio"] - stats["port"][TIMER] - stats["serial"] <= 2600
