# SPDX-License-Identifier: MIT
"""The cases of tests/conform on real backends. The program itself asserts which
one it runs on, by what it has open, and which cases may be left out there."""

import pytest

from lab import cache

UNSAFE = "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
LIMIT = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
CASES = 28


def run(machine, backend, limit=0):
    address = machine.addresses[0]
    driver = f"/sys/bus/pci/devices/{address}/driver"
    machine.run(f"[ \"$(basename $(readlink {driver}))\" = vfio-pci ] ||"
                f" {cache.LAB / 'bind'} {address} vfio-pci", check=True)
    program = cache.ROOT / "build/tests/conform"
    set_limit = f"CONFORM_LIMIT={limit} " if limit else ""
    result = machine.run(f"{set_limit}{program} {backend} {address}", timeout=60)
    assert result.status == 0, result.out + result.err
    return result.err + result.out


def check(said):
    """All ran: a real backend can carry each of them."""
    assert said.count("[       OK ]") == CASES and "SKIPPED" not in said, said


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("backend", ["legacy", "iommufd"])
def test_drive(l1, backend):
    check(run(l1(), backend))


@pytest.mark.profile("edu")
@pytest.mark.parametrize("backend", ["legacy", "iommufd"])
def test_edu(l1, backend):
    check(run(l1(), backend))


@pytest.mark.profile("nvme-virtio-iommu")
@pytest.mark.parametrize("backend", ["legacy", "iommufd"])
def test_virtio_iommu(l1, backend):
    machine = l1()
    machine.run(f"echo Y >{UNSAFE}", check=True)
    try:
        check(run(machine, backend))
    finally:
        machine.run(f"echo N >{UNSAFE}", check=True)


@pytest.mark.profile("nvme")
def test_limit_of_maps(l1):
    """type1 has a limit, and says when it is reached; iommufd has none."""
    machine = l1()
    before = machine.run(f"cat {LIMIT}", check=True).out.strip()
    machine.run(f"echo 100 >{LIMIT}", check=True)
    try:
        check(run(machine, "legacy", limit=100))
        check(run(machine, "iommufd"))
    finally:
        machine.run(f"echo {before} >{LIMIT}", check=True)
