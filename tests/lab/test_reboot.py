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


def test_no_reboot_ends(l1, boot):
    guest = boot(l1(), options=["-no-reboot"])
    guest.tell("reboot -f")
    guest.ended(0)
    assert guest.stats["end"] == "reboot" and guest.stats["reboots"] == 0
