# SPDX-License-Identifier: MIT
"""Unmodified kernels boot, read the drive, and look for nothing of an old PC."""

import pytest

from guest import Guest

pytestmark = pytest.mark.profile("nvme")

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
    # KVM takes the addresses that are written, and what the machine has itself is read as memory.
    assert stats["port"].get("0xcf8", 0) <= 6, stats["port"]
    assert stats["config"] <= 340


@pytest.mark.long
def test_memtest(l1, lend, kernel):
    """A bzImage that is no Linux: it finds its memory and starts its processors,
    tests, and reboots when the escape key is typed on its serial line."""
    machine = l1()
    guest = Guest(machine, [lend, "run", "-m", "64", "-c", "2", "-no-reboot",
                            "-kernel", kernel("memtest").image,
                            "-append", "console=ttyS0,115200"], [], limit=300)
    # Emulated, it takes most of a minute until it has drawn its screen.
    guest.command.expect(r"Memtest86\+ v\d", 240)
    guest.command.expect(r"Memory  :\s+64MB")
    guest.command.expect(r"CPU: 2 Cores 2 Threads    SMP: 2T")
    guest.command.expect(r"#0  \[Address test")
    guest.command.expect(r"ern: 0x0{16}")
    guest.command.expect(r"ern: 0xf{16}")
    assert "Errors: 0 " in guest.out
    guest.command.send("\x1b")
    guest.ended(0, 120)
