# SPDX-License-Identifier: MIT
"""How a guest ends, and guests that do what none should."""

import pytest

from bare import (  # noqa: F401, fixtures among them
    EDU, IVSHMEM, TESTDEV, bare, image, machine, peer, slot,
)

pytestmark = pytest.mark.profile("bare")


# The ends

@pytest.mark.parametrize("command, status", [("off", 0), ("panic", 4)])
def test_end(bare, command, status):
    g = bare(EDU)
    g.tell(command)
    g.ended(status)


def test_reset(bare):
    """By the register for it, and by a triple fault."""
    g = bare(EDU)
    for boots, command in enumerate(("reset", "fault", "fault", "reset"), 2):
        g.ask(f"edu {slot(1)} fact 5")
        g.tell(command)
        g.ready(boots=boots)
        # As after power-on: nothing is enabled.
        assert g.value(f"cfg {slot(1)} 4 2") & 4 == 0
    assert g.ask(f"edu {slot(1)} fact 6") == "fact 6 720"
    g.power_off()


# Hammering

COUNT = 100_000
LOG_MAX = 16 << 10


def survived(g):
    """lend still serves, and has not said much."""
    g.ask("print 10")
    assert g.command.running
    assert len(g.command.err) < LOG_MAX, g.command.err[-2000:]


def restored(g):
    g.tell("reset")
    g.ready(boots=2)
    assert g.ask(f"edu {slot(1)} fact 7") == "fact 7 5040"
    assert "memory" in g.ask(f"ivshmem {slot(2)} memory 1")
    result = g.power_off()
    assert len(result.err) < LOG_MAX


def test_hammer_config_space(bare):
    """All of it: BARs move, decode and MSI-X come and go."""
    g = bare(EDU, IVSHMEM, TESTDEV)
    g.ask(f"hammer 1 {COUNT} " + " ".join(
        f"cfg {slot(s)} 0 {size}" for s in (0, 1, 2, 3) for size in (256, 4096)),
        timeout=90)
    survived(g)
    restored(g)


def test_log_of_moves_is_limited(bare):
    """A guest cannot fill the host's disk with lend's warnings."""
    g = bare(IVSHMEM)
    g.ask(f"cfgw {slot(1)} 4 2 2")
    for n in range(150):
        g.ask(f"cfgw {slot(1)} 0x1c 4 {(n + 1) << 20}")
    g.tell("off")
    err = g.ended(0).err
    assert "BAR 2 traps at" in err and len(err.splitlines()) < 60, err


def test_hammer_bars(bare):
    """Registers, ports, the MSI-X table and the holes. Of edu not the DMA, which
    would overwrite the guest, nor factorials of what takes it minutes."""
    g = bare(EDU, IVSHMEM, TESTDEV)
    for s in (1, 2, 3):
        g.ask(f"cfgw {slot(s)} 4 2 3")
    g.ask(f"msix {slot(2)} on")
    # Not the doorbell of ivshmem: a message of the guest's own random making.
    g.ask(f"hammer 3 {COUNT} bar {slot(1)} 0 0 8 bar {slot(1)} 0 0x20 0x60 bar {slot(1)} 0 0xa0 0xfff60"
          f" bar {slot(2)} 0 0 12 bar {slot(2)} 1 0 0x1000"
          f" bar {slot(2)} 2 0x3ffff000 0x1000"
          f" bar {slot(3)} 0 0 0x1000 bar {slot(3)} 1 0 0x100"
          " mem 0xd0000000 0x10000000 io 0x1000 0x8000",
          timeout=90)
    survived(g)
    restored(g)
