# SPDX-License-Identifier: MIT
"""Unmodified kernels boot, read the drive, and look for nothing of an old PC."""

import pytest

pytestmark = [pytest.mark.profile("nvme-smp"), pytest.mark.xdist_group("kernels")]

# RTC and CMOS, keyboard controller, interval timer
OLD_PC = {"0x70", "0x71", "0x60", "0x64", "0x40", "0x41", "0x42", "0x43"}


@pytest.mark.parametrize("name,cpus", [
    ("stock", 1), ("stock", 4), ("cloud", 4), ("bpo", 4),
    ("lab", 1), ("lab", 4), ("vmlinux", 4)])
def test_kernel(name, cpus, l1, boot, kernel, sha256):
    machine = l1()
    guest = boot(machine, name, modules=["nvme"], cpus=cpus, memory="512M")
    release = kernel("lab" if name == "vmlinux" else name).version
    assert guest.ask("uname -r") == release
    assert guest.ask("nproc") == str(cpus)
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    stats = guest.stats
    assert stats["end"] == "poweroff" and stats["exits"] > 0
    assert stats["serial"] > 0, "the counters count"
    assert not OLD_PC & set(stats["port"]), stats["port"]
