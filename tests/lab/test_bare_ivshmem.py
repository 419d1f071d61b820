# SPDX-License-Identifier: MIT
"""A BAR of 1 GiB, MSI-X step by step with a peer that interrupts, peer-to-peer."""

import struct

import pytest

from bare import (  # noqa: F401, fixtures among them
    EDU_WIDE, GIB, GUEST_ID, IVSHMEM, PEER_ID, VECTORS, bare, found, image,
    machine, peer, slot,
)

pytestmark = pytest.mark.profile("bare")


# ivshmem

@pytest.mark.zoo("ivshmem-doorbell", "no interrupt")
def test_bar_of_1_gib(bare, peer):
    g = bare(IVSHMEM)
    seed = 0x5eed0000 << 32
    assert f"memory {GIB:#x} bytes" in g.ask(f"ivshmem {slot(1)} memory {seed}")
    for at in (0, GIB // 2 - 256, GIB // 2 + 248, GIB - 512, GIB - 8):
        assert peer.word(at) == seed + at
    struct.pack_into("<Q", peer.memory, GIB - 4096, 0x1122334455667788)
    assert g.value(f"bar {slot(1)} 2 {GIB - 4096} 8") == 0x1122334455667788
    assert g.value(f"bar {slot(1)} 2 {GIB - 4095} 2") == 0x6677
    g.power_off()


def msix(g, line):
    return int(g.ask(f"msix {slot(1)} {line}").split()[-1])


@pytest.mark.zoo("ivshmem-doorbell", "MSI-X")
def test_msix(bare, peer):
    g = bare(IVSHMEM)
    assert g.ask(f"ivshmem {slot(1)} id") == f"id {GUEST_ID}"
    assert g.ask(f"msix {slot(1)} on") == f"on {VECTORS} vectors"
    # Masked since the start: nothing arrives; unmasked: what comes does.
    assert msix(g, "count 0") == 0 and msix(g, "pending 0") == 0
    g.ask(f"msix {slot(1)} unmask 0")
    for n in range(1, 4):
        peer.ring(0)
        assert msix(g, f"wait 0 {n}") == n
    # While masked they are pending, and unmasking delivers exactly once.
    g.ask(f"msix {slot(1)} mask 0")
    assert msix(g, "pending 0") == 0
    for _ in range(3):
        peer.ring(0)
    assert msix(g, "count 0") == 3 and msix(g, "pending 0") == 1
    g.ask(f"msix {slot(1)} unmask 0")
    assert msix(g, "wait 0 4") == 4
    assert msix(g, "count 0") == 4 and msix(g, "pending 0") == 0
    # Each vector is its own.
    for vector in range(1, VECTORS):
        g.ask(f"msix {slot(1)} unmask {vector}")
        peer.ring(vector)
        assert msix(g, f"wait {vector} 1") == 1
    assert msix(g, "count 0") == 4
    g.power_off()


@pytest.mark.zoo("ivshmem-doorbell", "MSI-X")
def test_msix_function_mask(bare, peer):
    g = bare(IVSHMEM)
    g.ask(f"msix {slot(1)} on")
    g.ask(f"msix {slot(1)} unmask 2")
    g.ask(f"msix {slot(1)} hold")
    peer.ring(2)
    assert msix(g, "count 2") == 0 and msix(g, "pending 2") == 1
    g.ask(f"msix {slot(1)} release")
    assert msix(g, "wait 2 1") == 1
    assert msix(g, "count 2") == 1 and msix(g, "pending 2") == 0
    g.power_off()


@pytest.mark.zoo("ivshmem-doorbell", "MSI-X")
def test_masks_lose_nothing(bare, peer):
    """Masks come and go while interrupts do; what came last always arrives."""
    g = bare(IVSHMEM)
    g.ask(f"msix {slot(1)} on")
    bars = found(g.ask("scan"))[slot(1)][2]
    table = int(bars[1][1], 0)
    masks = " ".join(f"mem {table + 16 * v + 12} 4" for v in range(VECTORS))
    g.tell(f"hammer 7 5000 {masks}")
    rings = 0
    while not g.answered():
        peer.ring(rings % VECTORS)
        rings += 1
    for v in range(VECTORS):
        g.ask(f"msix {slot(1)} mask {v}")
        before = msix(g, f"count {v}")
        assert 0 < before <= rings
        peer.ring(v)
        assert msix(g, f"count {v}") == before and msix(g, f"pending {v}") == 1
        g.ask(f"msix {slot(1)} unmask {v}")
        assert msix(g, f"wait {v} {before + 1}") == before + 1
        assert msix(g, f"count {v}") == before + 1 and msix(g, f"pending {v}") == 0
    g.power_off()


@pytest.mark.zoo("ivshmem-doorbell", "MSI-X")
def test_doorbell(bare, peer):
    g = bare(IVSHMEM)
    peer.rung()
    g.ask(f"ivshmem {slot(1)} ring {PEER_ID} 2")
    g.ask(f"ivshmem {slot(1)} id")
    assert peer.rung() == [2]
    # Its own bell: through the device and back.
    g.ask(f"msix {slot(1)} on")
    g.ask(f"msix {slot(1)} unmask 1")
    g.ask(f"ivshmem {slot(1)} ring {GUEST_ID} 1")
    assert msix(g, "wait 1 1") == 1
    g.power_off()


@pytest.mark.zoo("ivshmem-doorbell", "no interrupt")
def test_peer_to_peer(bare, peer):
    """A device writes into another one's BAR, above 4 GiB, and reads it."""
    g = bare(IVSHMEM, EDU_WIDE)
    base = g.value(f"cfg {slot(1)} 0x18 8") & ~15
    assert base >= 4 * GIB
    g.ask(f"cfgw {slot(1)} 4 2 6")
    g.ask(f"edu {slot(2)} load 0x7065657220746f20")
    g.ask(f"edu {slot(2)} dma out {base + GIB // 2} 4096")
    assert peer.word(GIB // 2 + 4088) == 0x7065657220746f20
    assert g.value(f"bar {slot(1)} 2 {GIB // 2} 8") == 0x7065657220746f20
    struct.pack_into("<Q", peer.memory, GIB // 2, 0x1234)
    g.ask(f"edu {slot(2)} dma in {base + GIB // 2} 4096")
    assert g.ask(f"edu {slot(2)} show") == "show 0x1234 0x7065657220746f20"
    g.power_off()
