# SPDX-License-Identifier: MIT
"""A guest that starts again finds its device as after power-on."""

import pytest

pytestmark = pytest.mark.profile("nvme")


def test_reboot_twice(l1, boot, sha256):
    machine = l1()
    expected = sha256(machine.drives[0])
    guest = boot(machine)
    assert guest.hash() == expected
    for _ in range(2):
        guest.reboot()
        assert guest.hash() == expected
    guest.power_off()
    assert guest.stats["reboots"] == 2


def test_kernel_that_knows_efi_reboots(l1, boot):
    """It asks EFI, which is not here, and then jumps to where a PC has its firmware."""
    guest = boot(l1(), "stock", devices=(), memory="512M", limit=300)
    guest.reboot(200)
    guest.power_off()
    assert guest.stats["reboots"] == 1


@pytest.mark.parametrize("way", ["t", "k", "p", "b"])
def test_ways_to_reboot(way, l1, boot):
    """A triple fault, the keyboard controller, the chipset's reset control, the firmware."""
    guest = boot(l1(), devices=(), append=f"reboot={way}")
    guest.reboot()
    guest.ask("usleep 100000")  # its timer's interrupts come
    result = guest.power_off()
    assert guest.stats["reboots"] == 1
    # Linux ends in a triple fault when no other way works.
    assert ("triple fault" in result.err) == (way == "t")


def test_no_reboot_ends(l1, boot):
    guest = boot(l1(), options=["-no-reboot"])
    guest.tell("reboot -f")
    guest.ended(0)
    assert guest.stats["end"] == "reboot" and guest.stats["reboots"] == 0
