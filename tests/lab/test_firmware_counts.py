# SPDX-License-Identifier: MIT
"""What a boot by UEFI firmware costs, counted; and a store of variables on a disk that is full."""

import re

import pytest

from firmware import HOST, images, shell_disk
from lab.machine import Profile

pytestmark = pytest.mark.firmware
GUID = "6c656e64-0000-4000-8000-000000000002"
VARIABLE = f"LendTest -guid {GUID}"
TIMER = "0x608"
# Bytes that are in a store from its start to the last variable; behind it is what the
# firmware makes anew if it is not there.
VARIABLES = 0x41000


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    copy = tmp_path_factory.mktemp("disks") / "disk.img"
    copy.write_bytes(shell_disk("nvme").read_bytes())
    return Profile(**HOST, drives=(str(copy),), devices=("nvme,serial=lend0,drive=d0",))


def ports(stats, first, last):
    return sum(count for port, count in stats["port"].items() if first <= int(port, 16) <= last)


@pytest.mark.long
def test_exits_of_a_boot(firmware):
    """Counts, of which none is a matter of time but the PM timer's."""
    shell = firmware(0).ready()
    shell.power_off()
    stats = shell.stats
    assert stats["port"][TIMER] > 1000
    assert ports(stats, 0x510, 0x51b) <= 3200  # fw_cfg
    assert stats["flash"] <= 11600
    assert stats["flash_slots"] <= 250
    assert ports(stats, 0xcf8, 0xcff) <= 250
    assert stats["config"] <= 2300
    assert ports(stats, 0x70, 0x71) <= 600
    # KVM keeps the writes to the store, two for each byte of a variable.
    assert stats["mmio"] <= 2700
    assert stats["mmio"] + stats["pio"] - stats["port"][TIMER] - stats["serial"] <= 4500


@pytest.mark.long
def test_store_on_a_full_disk(l1, profile, firmware):
    """One line, the machine goes on, and what it stored is there when there is room again."""
    machine = l1(profile)
    store = "/run/small/vars.fd"
    template = images("trixie") / "OVMF/OVMF_VARS_4M.fd"
    machine.run(f"mkdir /run/small && mount -t tmpfs -o size={VARIABLES} small /run/small && "
                f"head -c {VARIABLES} {template} >{store} && "
                f"truncate -s $(stat -Lc %s {template}) {store}", check=True)
    try:
        shell = firmware(0, store=store).ready()
        shell.tell(f"setvar {VARIABLE} -nv -bs =0x5566")
        shell.tell(f"setvar {VARIABLE}")
        shell.sees(r"0002 Bytes\s+55 66")
        shell.tell("reset -c")
        shell.ready(boots=2)
        shell.tell(f"setvar {VARIABLE}")
        shell.sees(r"0002 Bytes\s+55 66")
        said = rf"lend: [^\n]*{store}: No space left on device; it is tried again[^\n]*\n"
        assert len(re.findall(said, shell.command.err)) == 1, shell.command.err
        machine.run("mount -o remount,size=4m /run/small", check=True)
        shell.power_off()
        assert "variables are in /run/small/vars.fd again" in shell.command.err
        assert len(re.findall(r"No space left", shell.command.err)) == 1
        again = firmware(0, store=store).ready()
        again.tell(f"setvar {VARIABLE}")
        again.sees(r"0002 Bytes\s+55 66")
        again.power_off()
        assert "No space left" not in again.command.err
    finally:
        machine.run("umount /run/small && rmdir /run/small")
