# SPDX-License-Identifier: MIT
"""Root ports of a machine where devices come and go, as a guest's own drivers use them."""

import pytest

pytestmark = pytest.mark.profile("nvme")

DEVICE = "/sys/bus/pci/devices/0000:01:00.0"


def test_errors_have_a_driver_and_the_bus_is_reset(l1, boot, sha256):
    machine = l1()
    want = sha256(machine.drives[0])
    guest = boot(machine, "lab", modules=["nvme"], memory="512M", options=["-v", "-ports", "1"])
    # Both ports, the one with the drive and the empty one: their service, and their message.
    assert guest.ask("ls -d /sys/bus/pci_express/drivers/aer/0000:00:*") == "\n".join(
        f"/sys/bus/pci_express/drivers/aer/0000:00:0{n}.0:pcie002" for n in (1, 2))
    assert guest.ask("grep -c 'MSI.*aerdrv' /proc/interrupts") == "2"
    assert guest.ask("ls -d /sys/bus/pci_express/drivers/pciehp/0000:* 2>/dev/null || :") == ""
    assert guest.hash() == want
    assert guest.ask(f"echo bus >{DEVICE}/reset_method && cat {DEVICE}/reset_method") == "bus"
    for _ in range(2):
        guest.ask(f"echo 1 >{DEVICE}/reset", timeout=90)
        assert guest.hash() == want
    assert guest.command.err.count("reset, because the guest resets its bus") == 2
    guest.power_off()
