# SPDX-License-Identifier: MIT
"""A BAR of 8 GiB, which has its place above 4 GiB, and is direct in all of it."""

import json

import pytest

GIB = 1 << 30


@pytest.mark.profile("large-bar")
@pytest.mark.parametrize("iommufd", ["on", "off"])
def test_bar_of_several_gib(l1, boot, iommufd):
    machine = l1()
    guest = boot(machine, properties=f",x-allow-unreset=on,iommufd={iommufd}")
    at = guest.ask("for d in /sys/bus/pci/devices/*; do"
                   " grep -q 0x1110 $d/device && echo $d; done || true")
    start, end, _ = (int(word, 16) for word in
                     guest.ask(f"sed -n 3p {at}/resource").split())
    assert start >= 4 * GIB and end - start + 1 == 8 * GIB
    guest.ask(f"echo 1 >{at}/enable")
    for offset in (0, 3 * GIB + 0x1234560, 6 * GIB, 8 * GIB - 8):
        guest.ask(f"devmem {start + offset:#x} 64 {offset + 0x5a:#x}")
    for offset in (0, 3 * GIB + 0x1234560, 6 * GIB, 8 * GIB - 8):
        assert int(guest.ask(f"devmem {start + offset:#x} 64"), 16) == offset + 0x5a
    guest.power_off()
    assert guest.stats["bar"] == 0, json.dumps(guest.stats)
