# SPDX-License-Identifier: MIT
"""`lend serve test` with a foreign client: QEMU's vfio-user-pci, and a guest without
an operating system that drives the device. Nothing of VFIO is needed."""

import re

import pytest

from bare import image  # noqa: F401, a fixture

DEVICE = "00:03.0"
RAISE, ACKNOWLEDGE, VECTOR, RESULT = 0x60, 0x64, 0xa4, 0xa0


@pytest.fixture(params=["shared", "messages"])
def driven(here, image, request):  # noqa: F811
    """The guest on QEMU; its memory is mapped, or reached by messages alone."""
    server = here.serve("test")
    guest = here.bare(server.socket, image, shared=request.param == "shared")
    guest.server = server
    return guest


def set_register(guest, offset, value):
    guest.ask(f"bar {DEVICE} 0 {offset:#x} 4 {value:#x}")


def test_registers_dma_and_line(driven):
    scan = driven.ask("scan")
    assert re.search(r"1234:11e8 00ff00 0:mem32:\w+:0x1000 1:io:\w+:0x40 "
                     r"2:prefmem64:\w+:0x10000 4:mem32:\w+:0x1000 5:mem32:\w+:0x1000 "
                     r"cap01 cap05 cap10 cap11", scan), scan
    assert driven.ask(f"edu {DEVICE} fact 10") == "fact 10 3628800"
    for _ in range(20):
        assert driven.ask(f"edu {DEVICE} dma") == "dma 4096 bytes there and back"
    assert driven.ask(f"edu {DEVICE} irq none").startswith("irq none 0 interrupts")
    # A spurious one comes each time that QEMU ends an interrupt before its cause is gone.
    own = re.search(r"(\d+) interrupts, status 0x107, (\d+) spurious",
                    driven.ask(f"edu {DEVICE} irq intx"))
    assert own and int(own[1]) - int(own[2]) == 4
    assert driven.ask(f"edu {DEVICE} irq msi") == \
        "irq msi 4 interrupts, status 0x107, 0 spurious"
    driven.tell("off")
    assert driven.wait() == 0
    assert driven.server.running


def test_msix_pending_and_masks(driven):
    driven.ask(f"edu {DEVICE} fact 1")
    driven.ask(f"msix {DEVICE} on")
    for vector in range(8):
        set_register(driven, VECTOR, vector)
        set_register(driven, RAISE, 1)
        assert driven.ask(f"msix {DEVICE} count {vector}") == f"count {vector} 0"
        assert driven.ask(f"msix {DEVICE} pending {vector}") == f"pending {vector} 1"
        driven.ask(f"msix {DEVICE} unmask {vector}")
        assert driven.ask(f"msix {DEVICE} wait {vector} 1") == f"count {vector} 1"
        assert driven.ask(f"msix {DEVICE} pending {vector}") == f"pending {vector} 0"
        set_register(driven, RAISE, 1)
        assert driven.ask(f"msix {DEVICE} wait {vector} 2") == f"count {vector} 2"


def test_guest_resets_and_client_returns(here, image):  # noqa: F811
    """The next client finds the device as new; a killed one leaves nothing behind."""
    server = here.serve("test")
    for rounds in range(3):
        guest = here.bare(server.socket, image)
        assert guest.ask(f"edu {DEVICE} dma") == "dma 4096 bytes there and back"
        set_register(guest, VECTOR, 5)
        guest.kill(9)
        guest.wait()
    assert server.running
    # A server may take 2 MiB of memory for itself.
    assert server.private_kib() <= 2048
