# SPDX-License-Identifier: MIT
"""Other hosts than the usual one of these tests."""

import pytest


@pytest.mark.profile("nvme-stock")
def test_kernel_without_dynamic_msix(l1, boot, sha256):
    """Linux 6.1 cannot add a vector to those that are on."""
    machine = l1()
    assert machine.release.startswith("6.1.")
    guest = boot(machine, cpus=2)
    assert guest.hash() == sha256(machine.drives[0])
    for cpu in (1, 0):
        guest.ask(f"diskio pin {cpu} /dev/nvme0n1 -n 16")
    guest.power_off()


@pytest.mark.profile("nvme-virtio-iommu")
def test_without_interrupt_remapping(l1, boot, sha256):
    """The administrator allowed it: vfio_iommu_type1.allow_unsafe_interrupts."""
    machine = l1()
    guest = boot(machine)
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
