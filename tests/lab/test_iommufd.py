# SPDX-License-Identifier: MIT
"""The same guests on both ways to a device: its group with type1, and its own
node with iommufd. Each test asserts which one ran."""

import pytest

BACKENDS = {"legacy": "off", "iommufd": "on"}


def backends(guest):
    return [d["backend"] for d in guest.stats["devices"]]


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("backend", BACKENDS)
def test_drive(l1, boot, sha256, backend):
    machine = l1()
    guest = boot(machine, properties=f",iommufd={BACKENDS[backend]}", options=["-v"])
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot()
    assert guest.hash() == sha256(machine.drives[0])
    result = guest.power_off()
    assert backends(guest) == [backend]
    assert f"backend: {backend}" in result.err
