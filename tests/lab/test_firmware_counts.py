# SPDX-License-Identifier: MIT
"""What a boot by UEFI firmware costs, counted."""

import pytest

from bench.host import INSIDE, PYTHON
from firmware import HOST, shell_disk
from lab.machine import Profile

pytestmark = pytest.mark.firmware
TIMER = "0x608"
MEMORY, FLASH = 256, 4096  # MiB, KiB
WRITTEN = (f"import sys; sys.path.insert(0, '{INSIDE}'); from measure import WRITTEN, private; "
           f"print(private({{pid}}, {MEMORY}, WRITTEN))")


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    copy = tmp_path_factory.mktemp("disks") / "disk.img"
    copy.write_bytes(shell_disk("nvme").read_bytes())
    return Profile(**HOST, drives=(str(copy),), devices=("nvme,serial=lend0,drive=d0",))


def ports(stats, first, last):
    return sum(count for port, count in stats["port"].items() if first <= int(port, 16) <= last)


# At most, by the release: 5 % and more above what is counted. Of writes to the store (two for each byte of a
# variable) KVM keeps most; most of config space is read as memory.
LIMITS = {
    "trixie": {"fw_cfg": 1000, "flash": 12200, "flash_slots": 220, "cf8": 220, "config": 800, "rtc": 450,
               "mmio": 850, "all": 2600},
    "bookworm": {"fw_cfg": 780, "flash": 33800, "flash_slots": 552, "cf8": 140, "config": 750, "rtc": 450,
                 "mmio": 900, "all": 2450},
    "sid": {"fw_cfg": 230, "flash": 12800, "flash_slots": 232, "cf8": 1120, "config": 950, "rtc": 450,
            "mmio": 800, "all": 2600},
}


@pytest.mark.long
@pytest.mark.parametrize("release", LIMITS)
def test_exits_of_a_boot(release, firmware):
    """None but the PM timer's is a matter of time: with one release of the firmware the others are the
    same each time, or nearly."""
    shell = firmware(0, release=release).ready()
    shell.power_off()
    stats = shell.stats
    assert stats["port"][TIMER] > 1000
    counted = {name: stats[name] for name in ("flash", "flash_slots", "config", "mmio")}
    counted.update(fw_cfg=ports(stats, 0x510, 0x51b), cf8=ports(stats, 0xcf8, 0xcff), rtc=ports(stats, 0x70, 0x71))
    counted["all"] = stats["mmio"] + stats["pio"] - stats["port"][TIMER] - stats["serial"]
    assert not {name: n for name, n in counted.items() if n > LIMITS[release][name]}, counted


@pytest.mark.long
def test_private_memory(firmware):
    """Beside the guest's memory and the flash files, in the shell: pages that are written."""
    shell = firmware(0, memory=f"{MEMORY}M").ready()
    said = shell.l1.run([PYTHON, "-c", WRITTEN.format(pid=shell.keeper)], check=True).out
    shell.power_off()
    assert int(said) - FLASH <= 700
