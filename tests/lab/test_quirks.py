# SPDX-License-Identifier: MIT
"""Quirks on a real kernel: devices of the lab that pose as those that need them
(x-pci-vendor-id and its like), driven by the bare guest."""

import pytest

from bare import (  # noqa: F401, fixtures among them
    EDU, IVSHMEM, Bare, image, machine, peer, slot,
)

pytestmark = pytest.mark.profile("bare")

NVIDIA = ",x-pci-vendor-id=0x10de,x-pci-device-id=0x11c0,x-pci-class-code=0x030000"
REALTEK = ",x-pci-vendor-id=0x10ec,x-pci-device-id=0x8168"
MIRROR, MSI_CAP = 0x88000, 0x40
BACK_DOOR_DATA, BACK_DOOR_ADDRESS = 0x70, 0x74


@pytest.fixture
def posing(machine, lend, image):  # noqa: F811
    def make(device, properties):
        address = machine.addresses[device]
        words = [lend, "run", "-m", "128M", "-kernel", image, "-append", "",
                 "-serial", "stdio", "-device",
                 f"vfio-pci,host={address},x-allow-unreset=on{properties}"]
        return Bare(machine, words, [address]).ready()
    return make


def memory_exits(machine):
    return int(machine.run("cat /sys/kernel/debug/kvm/*-*/mmio_exits",
                           check=True).out)


def cost(g, machine, count, line):
    """Exits of a line, beyond those of a read of the same BAR's direct part."""
    def of(what):
        before = memory_exits(machine)
        for _ in range(count):
            g.ask(what)
        return memory_exits(machine) - before
    return of(line) - of(f"bar {slot(1)} 0 0 4")


@pytest.mark.parametrize("properties, left", [
    ("", 0), (",x-no-vfio-ioeventfd=on", 0), (",x-no-kvm-ioeventfd=on", 20),
])
def test_acknowledgements_are_handed_over(machine, posing, properties, left):  # noqa: F811
    g = posing(EDU, NVIDIA + properties)
    g.ask(f"cfgw {slot(1)} 4 2 2")
    # The mirror has the guest's ids and addresses.
    assert g.value(f"bar {slot(1)} 0 {MIRROR} 4") == 0x11c010de
    assert g.value(f"bar {slot(1)} 0 {MIRROR + 0x10} 4") == \
        g.value(f"cfg {slot(1)} 0x10 4")
    line = f"bar {slot(1)} 0 {MIRROR + MSI_CAP} 1 0xff"
    assert cost(g, machine, 10, line) == 10
    assert cost(g, machine, 20, line) == left
    # It is learned anew where the BAR moved to.
    for value in (0, 2):
        g.ask(f"cfgw {slot(1)} 4 2 {value}")
    assert cost(g, machine, 10, line) == 10
    assert cost(g, machine, 20, line) == left
    g.power_off()


def test_back_door_to_the_table(posing):
    g = posing(IVSHMEM, REALTEK)
    g.ask(f"cfgw {slot(1)} 4 2 2")

    def register(at, value=None):
        line = f"bar {slot(1)} 2 {at} 4"
        return g.value(line) if value is None else g.ask(f"{line} {value}")

    register(BACK_DOOR_DATA, 0xfee01000)
    register(BACK_DOOR_ADDRESS, 0x8001f010)
    assert register(BACK_DOOR_ADDRESS) == 0x0001f010
    assert g.value(f"bar {slot(1)} 1 0x10 4") == 0xfee01000
    g.ask(f"bar {slot(1)} 1 0x18 4 0x4021")
    register(BACK_DOOR_ADDRESS, 0x0001f018)
    assert register(BACK_DOOR_ADDRESS) == 0x8001f018
    assert register(BACK_DOOR_DATA) == 0x4021
    # Beside the two registers it is the device's memory.
    g.ask(f"bar {slot(1)} 2 0x78 4 0x12345678")
    assert g.value(f"bar {slot(1)} 2 0x78 4") == 0x12345678
    g.power_off()
