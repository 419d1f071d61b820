# SPDX-License-Identifier: MIT
"""What becomes of a device that reports an error, where the guest's driver does not recover it:
x-on-error=, a device without the capability (AER), a driver without handlers.

The errors come from the kernel's injector (/dev/aer_inject). It has none for a device without the
capability: there the port above fails, and the kernel tells the drivers of what is below.
"""

import pytest

from lab.machine import FIRST_PORT_SLOT
from qmp import Qmp
from test_events import NIC, NVME, POISONED, ids
from test_hotplug import hand_to
from test_recovery import MALFORMED, inject

pytestmark = [pytest.mark.profile("errors"), pytest.mark.long]

DISK = "0000:03:00.0"
PORT = f"0000:00:{FIRST_PORT_SLOT:02x}.0"  # of the drive
SOCKET = "/run/lend/errors/qmp"


@pytest.fixture
def start(l1, boot):
    """start(DEVICE, ...): L1, a guest with these devices, each with its properties, and a client."""
    def make(*devices, ports=1):
        machine = l1()
        guest = boot(machine, devices=[d.split(",")[0] for d in devices],
                     properties=["".join("," + p for p in d.split(",")[1:]) for d in devices],
                     options=["-name", "errors", "-ports", str(ports)], limit=300)
        return machine, guest, Qmp(machine, SOCKET)
    return make


def end(machine, guest):
    guest._console_at = machine.console.stat().st_size  # the kernel said what was injected
    guest.power_off()


def reset(guest, qmp):
    """From outside: a driver that waits for a device which answers nothing keeps the guest from it."""
    qmp.execute("system_reset")
    guest.ready()


@pytest.mark.parametrize("ports", [1, 0])
@pytest.mark.parametrize("status", [POISONED, MALFORMED], ids=["nonfatal", "fatal"])
def test_a_card_is_removed(start, sha256, status, ports):
    """The host has it back, and the guest goes on with the rest."""
    machine, guest, qmp = start(NVME, f"{NIC},x-on-error=remove", ports=ports)
    guest.ask("wait_for /sys/class/net/eth0")
    inject(machine, NIC, status)
    assert qmp.event("LEND_DEVICE_ERROR")["id"] == NIC
    assert qmp.event("DEVICE_DELETED")["device"] == NIC
    if ports:
        guest.ask("while [ -e /sys/class/net/eth0 ]; do :; done")
    else:
        assert ids(guest, 2) == "ffffffff"
    assert guest.hash() == sha256(machine.drives[0])
    hand_to(machine, NIC, "e1000e")
    hand_to(machine, NIC, "vfio-pci")
    end(machine, guest)


@pytest.mark.parametrize("way", ["forward", "remove"])
def test_a_drive_without_the_capability(start, sha256, way):
    """It cannot tell the guest: it is stopped until a reset, or taken."""
    machine, guest, qmp = start(f"{NVME},x-on-error={way}", DISK)
    want = sha256(machine.drives[1])
    assert guest.hash("/dev/vda") == want
    inject(machine, PORT, POISONED)
    assert qmp.event("LEND_DEVICE_ERROR")["id"] == NVME
    if way == "remove":
        assert qmp.event("DEVICE_DELETED")["device"] == NVME
        guest.ask("while [ -e /sys/block/nvme0n1 ]; do :; done")
    else:
        assert ids(guest, 1) == "ffffffff"
    assert guest.hash("/dev/vda") == want
    if way == "forward":
        reset(guest, qmp)
        assert guest.hash() == sha256(machine.drives[0])
    end(machine, guest)


@pytest.mark.parametrize("status", [POISONED, MALFORMED], ids=["nonfatal", "fatal"])
def test_a_driver_without_handlers(start, sha256, status):
    """The guest is told, and its kernel cannot recover the device. The rest goes on, and a reset
    brings the device back."""
    machine, guest, qmp = start(NVME, DISK)
    want = sha256(machine.drives[1])
    assert guest.hash("/dev/vda") == want
    inject(machine, DISK, status)
    told = qmp.event("LEND_DEVICE_ERROR")
    assert told["id"] == DISK and "the guest was told" in told["reason"]
    guest.ask("until dmesg | grep -q 'device recovery failed'; do usleep 50000; done")
    assert guest.hash() == sha256(machine.drives[0])
    if status == MALFORMED:
        reset(guest, qmp)
    assert guest.hash("/dev/vda") == want
    end(machine, guest)
