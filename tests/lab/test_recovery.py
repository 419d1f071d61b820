# SPDX-License-Identifier: MIT
"""Errors that reach the guest: its own drivers recover their device, and carry
what is sent to them afterwards. The errors come from the kernel's injector (/dev/aer_inject).
"""

import struct

import pytest

from test_events import NIC, PING, POISONED, UP

MALFORMED = 1 << 18
BYTES = 4 << 20


def inject(machine, address, status):
    """An uncorrectable error: poisoned is not fatal, malformed is."""
    bus, device = (int(number.split(".")[0], 16) for number in address.split(":")[1:])
    machine.put("/run/error", struct.pack("<4B7I", bus, device, 0, 0, status, 0, 0, 1, 2, 3, 0))
    machine.run("cat /run/error >/dev/aer_inject", check=True)


def recovered(guest, count):
    """The driver in the guest has brought its device back so often, and it carries packets: once its
    link is up again, of which the driver learns late."""
    guest.ask(f"until [ $(dmesg | grep -c 'device recovery successful') -ge {count} ]; do usleep 50000; done")
    guest.ask("until ping -c 1 -w 2 10.0.2.2; do :; done")


def recovers_twice(machine, guest, card, status, far):
    guest.ask(UP + PING)
    for count in (1, 2):
        inject(machine, card, status)
        guest.command.expect(rf"lend: warning: {card}: .*the guest was told")
        recovered(guest, count)
        got = guest.ask(f"nc 10.0.2.2 {far.gives} </dev/null | sha256sum", 120)
        assert got.split()[0] == far.sha256
    # The driver resets the bus for a fatal error alone.
    resets = guest.command.err.count(f"lend: {card}: reset, because the guest resets its bus")
    assert resets == (2 if status == MALFORMED else 0)
    guest._console_at = machine.console.stat().st_size  # the kernel said what was injected


EACH = pytest.mark.parametrize("status", [POISONED, MALFORMED], ids=["nonfatal", "fatal"])


@pytest.mark.profile("nvme-net")
@EACH
def test_driver_recovers_its_card(l1, boot, sha256, far, status):
    machine = l1()
    guest = boot(machine, options=["-v", "-ports", "1"])
    recovers_twice(machine, guest, NIC, status, far)
    # The other device has not noticed anything.
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()


@pytest.mark.long
@pytest.mark.profile("host-sriov")
@EACH
def test_igb_recovers(l1, boot, far, status):
    machine = l1()
    guest = boot(machine, options=["-v", "-ports", "1"])
    recovers_twice(machine, guest, machine.addresses[0], status, far)
    guest.power_off()
