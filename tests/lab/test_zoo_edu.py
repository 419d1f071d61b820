# SPDX-License-Identifier: MIT
"""edu by the bare guest on the IOMMU that has no interrupt remapping; on the
other one, and ivshmem: test_bare_guest.py and test_bare_ivshmem.py."""

import pytest

from bare import EDU, bare, image, slot  # noqa: F401, fixtures among them

pytestmark = pytest.mark.profile("zoo-virtio-iommu")


@pytest.fixture
def machine(l1):
    return l1()


@pytest.mark.parametrize("mode", [
    pytest.param(m, marks=pytest.mark.zoo("edu", m, iommu="virtio"))
    for m in ("INTx", "MSI")])
def test_edu(bare, mode):
    g = bare(EDU)
    assert g.ask(f"edu {slot(1)} fact 10") == "fact 10 3628800"
    assert g.ask(f"edu {slot(1)} dma") == "dma 4096 bytes there and back"
    assert g.ask(f"edu {slot(1)} irq {mode.lower()} 8") == \
        f"irq {mode.lower()} 9 interrupts, status 0x1ff, 0 spurious"
    g.power_off()
