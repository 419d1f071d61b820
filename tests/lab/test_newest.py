# SPDX-License-Identifier: MIT
"""What only the newest kernel has, each beside the way by the group: BARs as
dma-bufs for other devices, memory by its file, VF tokens at a node."""

import contextlib
import shlex

import pytest

from bare import GIB, Bare, bare, found, image, slot  # noqa: F401, fixtures among them
from lab import cache
from test_ioctls import count, lend_line

pytestmark = [pytest.mark.long, pytest.mark.profile("newest")]

NVME, IGB, EDU, IVSHMEM = range(4)
NVME_IDS, EDU_IDS, VF_IDS = "1b36:0010", "1234:11e8", "8086:10ca"
BACKENDS = {"legacy": "off", "iommufd": "on"}
both_ways = pytest.mark.parametrize("backend", BACKENDS)
MAP, MAP_FILE = (f"_IOC(_IOC_NONE, 0x3b, {n:#x}, 0)" for n in (0x85, 0x8f))


@pytest.fixture
def machine(l1):
    return l1()


def way(backend):
    return f",iommufd={BACKENDS[backend]}"


# Linux

@both_ways
def test_drive(machine, boot, sha256, backend):
    """Reads, a reboot with its reset, and memory that has a file."""
    guest = boot(machine, devices=[machine.addresses[NVME]], memory="256M,share=on",
                 properties=way(backend), options=["-v"])
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot()
    assert guest.hash() == sha256(machine.drives[0])
    result = guest.power_off()
    assert [d["backend"] for d in guest.stats["devices"]] == [backend]
    assert "peer-to-peer" not in result.err, "a BAR was not mapped for other devices"


def test_memory_by_file(machine, lend, kernel):
    """Memory that has a file is mapped by it, and no other memory is. BARs are, always."""
    devices = [machine.addresses[NVME]]
    line = lend_line(lend, kernel("lab").image, devices, "on")
    shared = ["128,share=on" if word == 128 else word for word in line]
    private, by_file = (count(machine, words, devices) for words in (line, shared))
    assert private[MAP] > 0 and by_file[MAP] == 0, (private, by_file)
    assert by_file[MAP_FILE] == private[MAP_FILE] + private[MAP], (private, by_file)


# Devices that reach the BARs of others

def address_of(g, ids):
    """Where the guest finds it: an Express device is behind a port."""
    return next(at for at, (its, *_) in found(g.ask("scan")).items() if its == ids)


def bar64(g, at, number):
    return g.value(f"cfg {at} {0x10 + 4 * number:#x} 8") & ~15


def put_bar64(g, at, number, base):
    for half in (0, 4):
        g.ask(f"cfgw {at} {0x10 + 4 * number + half:#x} 4 {base >> 8 * half & 0xffffffff:#x}")


def command(g, at, value):
    g.ask(f"cfgw {at} 4 2 {value}")


def capability(g, at, number):
    place = g.value(f"cfg {at} 0x34 1")
    while place and g.value(f"cfg {at} {place} 1") != number:
        place = g.value(f"cfg {at} {place + 1} 1")
    assert place, f"{at} has no capability {number:#x}"
    return place


def reaches(g, edu, memory, base, value):
    """What edu writes there the processor reads from the BAR, and edu what that one writes."""
    g.ask(f"edu {edu} load {value:#x}")
    g.ask(f"edu {edu} dma out {base + 4096:#x} 4096")
    assert g.value(f"bar {memory} 2 8184 8") == value
    g.ask(f"bar {memory} 2 4096 8 {value + 1:#x}")
    g.ask(f"edu {edu} dma in {base + 4096:#x} 4096")
    assert g.ask(f"edu {edu} show") == f"show {value + 1:#x} {value:#x}"


@both_ways
def test_peer_after_decode_and_moves(bare, machine, backend):
    g = bare(IVSHMEM, EDU, properties=way(backend))
    memory, edu = slot(1), slot(2)
    command(g, memory, 2)
    base = bar64(g, memory, 2)
    reaches(g, edu, memory, base, 0x1001)
    for n in range(3):
        command(g, memory, 0)
        command(g, memory, 2)
        reaches(g, edu, memory, base, 0x2001 + 16 * n)
    for n in range(1, 4):
        command(g, memory, 0)
        put_bar64(g, memory, 2, base + n * GIB)
        command(g, memory, 2)
        assert bar64(g, memory, 2) == base + n * GIB
        reaches(g, edu, memory, base + n * GIB, 0x3001 + 16 * n)
    # Where it is no more, and while it decodes nothing, edu does not reach it.
    g.ask(f"edu {edu} load 0xbad")
    g.ask(f"edu {edu} dma out {base + 4096:#x} 4096")
    command(g, memory, 0)
    g.ask(f"edu {edu} dma out {base + 3 * GIB + 4096:#x} 4096")
    command(g, memory, 2)
    assert g.value(f"bar {memory} 2 4096 8") == 0x3001 + 48 + 1
    g._console_at = machine.console.stat().st_size  # the IOMMU said that it refused
    g.power_off()


CC = 0x14  # the drive's configuration, which a reset clears


def sees_capabilities(g, edu, drive, base):
    """edu reads the drive's first register (CAP) as the processor does."""
    g.ask(f"edu {edu} load 0")
    want = g.value(f"bar {drive} 0 0 8")
    g.ask(f"edu {edu} dma in {base:#x} 8")
    assert want not in (0, (1 << 64) - 1)
    assert g.ask(f"edu {edu} show") == f"show {want:#x} 0x0"


@both_ways
def test_peer_after_sleep_and_reset(bare, backend):
    g = bare(NVME, EDU, properties=way(backend))
    drive, edu = address_of(g, NVME_IDS), address_of(g, EDU_IDS)
    command(g, drive, 2)
    base = bar64(g, drive, 0)
    power, express = capability(g, drive, 1), capability(g, drive, 0x10)
    sees_capabilities(g, edu, drive, base)
    for _ in range(2):
        g.ask(f"cfgw {drive} {power + 4} 2 3")  # D3hot
        assert g.value(f"cfg {drive} {power + 4} 2") & 3 == 3
        g.ask(f"cfgw {drive} {power + 4} 2 0")
        g.ask("sleep 20")  # as long as a function may take from D3hot to D0
        put_bar64(g, drive, 0, base)
        command(g, drive, 2)
        sees_capabilities(g, edu, drive, base)
        g.ask(f"bar {drive} 0 {CC:#x} 4 0x460000")
        assert g.value(f"bar {drive} 0 {CC:#x} 4") == 0x460000
        control = g.value(f"cfg {drive} {express + 8} 2")
        g.ask(f"cfgw {drive} {express + 8} 2 {control | 1 << 15:#x}")  # a reset of the function
        g.ask("sleep 100")
        assert g.value(f"bar {drive} 0 {CC:#x} 4") == 0
        put_bar64(g, drive, 0, base)
        command(g, drive, 2)
        sees_capabilities(g, edu, drive, base)
    g.power_off()


# Tokens of virtual functions

TOKEN, OTHER = (f"83b8f4f2-509f-382f-3c1e-e6bfe0fa100{n}" for n in (1, 2))
PARAMETER = "/sys/module/vfio_pci/parameters/enable_sriov"


@contextlib.contextmanager
def virtual_function(machine, address):
    """One of a physical function that vfio-pci has, and with it the function itself."""
    folder = f"/sys/bus/pci/devices/{address}"
    machine.run(f"echo 1 >{PARAMETER} && echo 1 >{folder}/sriov_numvfs", check=True)
    try:
        yield machine.run(f"basename $(readlink {folder}/virtfn0)", check=True).out.strip()
    finally:
        machine.run(f"echo 0 >{folder}/sriov_numvfs", check=True)


@both_ways
def test_vf_token(bare, machine, lend, image, backend):
    """The user of the physical function sets it; the right one opens, all else is told apart."""
    physical = bare(IGB, properties=way(backend) + f",vf-token={TOKEN}")
    with virtual_function(machine, machine.addresses[IGB]) as address:
        machine.run([cache.LAB / "bind", address, "vfio-pci"], check=True)

        def line(token):
            more = token and f",vf-token={token}"
            return [lend, "run", "-m", "128M", "-kernel", image, "-serial", "stdio",
                    "-device", f"vfio-pci,host={address}{way(backend)}{more}"]

        for token, says in (("", "no VF token was given"),
                            (OTHER, "the VF token is not the one that the user of")):
            result = machine.run(f"{shlex.join(map(str, line(token)))} </dev/null")
            assert result.status == 1 and says in result.err, result.err
            assert machine.addresses[IGB] in result.err and result.err.count("\n") == 1
        g = Bare(machine, line(TOKEN), [address]).ready()
        address_of(g, VF_IDS)
        g.tell("off")
        assert g.command.wait().status == 0
    physical.power_off()
