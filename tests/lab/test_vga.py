# SPDX-License-Identifier: MIT
"""A VGA adapter with its legacy ranges (x-vga), driven by the bare guest."""

import pytest

from bare import Bare, image, slot  # noqa: F401, a fixture
from lab.machine import Profile

pytestmark = pytest.mark.profile("vga")

VGA = Profile(kernel="lab", devices=("VGA,vgamem_mb=16",))
COMMAND, PORTS, MEMORY = 4, 1, 2
# Registers of VGA, by port and index: as much of a mode as makes memory at
# 0xa0000 a plain view of the adapter's first 64 KiB.
MISC, SEQUENCER, GRAPHICS, CRT = 0x3c2, 0x3c4, 0x3ce, 0x3d4
CURSOR_LOW = 0x0f
PLAIN = ((SEQUENCER, 0x0f02), (SEQUENCER, 0x0e04), (GRAPHICS, 0x0005),
         (GRAPHICS, 0xff08), (GRAPHICS, 0x0001), (GRAPHICS, 0x0003),
         (GRAPHICS, 0x0506))


@pytest.fixture
def adapter(l1, lend, image):  # noqa: F811
    """adapter(properties): the guest with the adapter in slot 1."""
    machine = l1(VGA)

    def make(properties):
        address, = machine.addresses
        words = [lend, "run", "-m", "128M", "-kernel", image, "-append", "",
                 "-serial", "stdio", "-device",
                 f"vfio-pci,host={address},x-allow-unreset=on{properties}"]
        return Bare(machine, words, [address]).ready()
    return make


def decode(g, bits):
    g.ask(f"cfgw {slot(1)} {COMMAND} 2 {bits}")


def test_ranges_answer_while_they_are_decoded(adapter):
    g = adapter(",x-vga=on")
    decode(g, 0)
    assert g.value("mem 0xa0000 4") == 0xffffffff
    assert g.value("port 0x3cc 1") == 0xff
    decode(g, PORTS | MEMORY)
    g.ask(f"port {MISC:#x} 1 0x67")
    assert g.value("port 0x3cc 1") == 0x67
    g.ask(f"port {CRT:#x} 2 {0x5a00 | CURSOR_LOW:#x}")
    assert g.value(f"port {CRT + 1:#x} 1") == 0x5a
    # A write to the legacy memory is one to the adapter's own.
    for port, value in PLAIN:
        g.ask(f"port {port:#x} 2 {value:#x}")
    g.ask("mem 0xa0000 4 0x12345678")
    assert g.value("mem 0xa0000 4") == 0x12345678
    assert g.value("mem 0xa0001 2") == 0x3456
    assert g.value(f"bar {slot(1)} 0 0 4") == 0x12345678
    g.ask(f"bar {slot(1)} 0 0 4 0x0badcafe")
    assert g.value("mem 0xa0000 4") == 0x0badcafe
    # RAM on both sides of the hole is RAM.
    for at in (0x9fff8, 0xc0000):
        g.ask(f"mem {at:#x} 8 0x1122334455667788")
        assert g.value(f"mem {at:#x} 8") == 0x1122334455667788
    # One kind of decode without the other.
    decode(g, MEMORY)
    assert g.value("port 0x3cc 1") == 0xff
    assert g.value("mem 0xa0000 4") == 0x0badcafe
    decode(g, PORTS)
    assert g.value("port 0x3cc 1") == 0x67
    assert g.value("mem 0xa0000 4") == 0xffffffff
    g.power_off()


def test_without_x_vga_there_is_ram(adapter):
    g = adapter("")
    decode(g, PORTS | MEMORY)
    assert g.value("port 0x3cc 1") == 0xff
    g.ask("mem 0xa0000 4 0x12345678")
    assert g.value("mem 0xa0000 4") == 0x12345678
    g.power_off()
