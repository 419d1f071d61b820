# SPDX-License-Identifier: MIT
"""Config space, BARs, DMA and interrupts of devices without a Linux driver."""

import re
import subprocess

import pytest

import guest
import zoo
import zoo_config
from bare import (  # noqa: F401, fixtures among them
    EDU, GIB, IVSHMEM, Q35_SLOT, TESTDEV, Bare, bare, bare_on_qemu, found, image,
    machine, peer, slot,
)
from lab import cache

pytestmark = pytest.mark.profile("bare")


# What is there

def test_scan(bare):
    g = bare(EDU, TESTDEV, IVSHMEM)
    scan = g.ask("scan")
    functions = found(scan)
    assert list(functions) == [slot(0), slot(1), slot(2), slot(3)]
    assert [f[0] for f in functions.values()][1:] == \
        ["1234:11e8", "1b36:0005", "1af4:1110"]
    bars = {(s, n): (kind, int(size, 0)) for s, f in functions.items()
            for n, (kind, _, size) in f[2].items()}
    assert bars == {(slot(1), 0): ("mem32", 1 << 20),
                    (slot(2), 0): ("mem32", 4096), (slot(2), 1): ("io", 256),
                    (slot(3), 0): ("mem32", 256), (slot(3), 1): ("mem32", 4096),
                    (slot(3), 2): ("prefmem64", GIB)}
    assert "cap11" in functions[slot(3)][3]
    assert int(functions[slot(3)][2][2][1], 0) >= 4 * GIB
    # Sizing the BARs changed nothing.
    assert g.ask("scan") == scan
    g.power_off()


def test_image_of_32_bits(machine, lend, image):
    """The same guest in an ELF file of the other class, started by its PVH entry."""
    narrow = image.with_suffix(".32")
    subprocess.run(["objcopy", "-O", "elf32-i386", image, narrow], check=True)
    words = [lend, "run", "-m", "128M", "-kernel", narrow, "-serial", "stdio"]
    Bare(machine, words, []).ready().power_off()


def test_config_space_of_every_width(bare):
    g = bare(EDU)
    whole = bytes.fromhex(g.ask(f"cfg {slot(1)} 0 256"))
    assert whole[:4] == bytes.fromhex("3412e811")
    for offset in range(16):
        for width in (1, 2, 4, 8):
            want = int.from_bytes(whole[offset:offset + width], "little")
            assert g.value(f"cfg {slot(1)} {offset} {width}") == want
    g.ask(f"cfgw {slot(1)} 0x3c 1 0x5a")
    assert g.value(f"cfg {slot(1)} 0x3c 1") == 0x5a
    # Nobody there, and read-only.
    assert g.value("cfg 00:1e.0 0 4") == 0xffffffff
    g.ask(f"cfgw {slot(1)} 0 4 0")
    assert g.value(f"cfg {slot(1)} 0 4") == 0x11e81234
    g.power_off()


def test_config_space_is_the_hosts(bare, machine):
    """But for what may differ (zoo_config.py), with messages on where there are."""
    devices = EDU, TESTDEV, IVSHMEM
    g = bare(*devices)
    g.ask(f"msix {slot(3)} on")
    for number, device in enumerate(devices, 1):
        function = zoo.Function(machine, machine.addresses[device])
        function.guest = f"0000:{slot(number)}"
        seen = bytes.fromhex(g.ask(f"cfg {slot(number)} 0 256"))
        has = machine.run(f"od -An -v -tx1 {function.sysfs}/config", check=True).out
        zoo_config.compare(function, bytes.fromhex(has), seen,
                           cache.ROOT / "build/lab/zoo/test_config_space_is_the_hosts")
    g.power_off()


def test_bar_moves_and_goes_away(bare):
    g = bare(EDU)
    g.ask(f"cfgw {slot(1)} 4 2 2")
    base = g.value(f"cfg {slot(1)} 0x10 4")
    assert g.value(f"mem {base} 4") == 0x010000ed
    g.ask(f"cfgw {slot(1)} 0x10 4 {base + 0x800000}")
    assert g.value(f"mem {base} 4") == 0xffffffff
    assert g.value(f"mem {base + 0x800000} 4") == 0x010000ed
    g.ask(f"cfgw {slot(1)} 4 2 0")
    assert g.value(f"mem {base + 0x800000} 4") == 0xffffffff
    g.ask(f"cfgw {slot(1)} 4 2 2")
    assert g.value(f"mem {base + 0x800000} 4") == 0x010000ed
    g.power_off()


# edu

@pytest.mark.zoo("edu", "no interrupt")
def test_edu_works(bare):
    g = bare(EDU)
    assert g.ask(f"edu {slot(1)} fact 10") == "fact 10 3628800"
    assert g.ask(f"edu {slot(1)} dma") == "dma 4096 bytes there and back"
    assert g.ask(f"edu {slot(1)} irq none") == \
        "irq none 0 interrupts, status 0x0, 0 spurious"
    g.power_off()


# What a system leaves behind where no firmware cleans up: model-specific
# registers, and those of each controller; none that this guest sets at its start.
LEFT_BEHIND = {
    "the processor's SYSENTER_CS": ("msr 0x174", "0x38"),
    "its SYSENTER_EIP": ("msr 0x176", "0x123456"),
    "its KERNEL_GS_BASE": ("msr 0xc0000102", "0x7654321000"),
    "its PAT": ("msr 0x277", "0x0007010600070106"),
    "its first variable MTRR's base": ("msr 0x200", "0x80000000"),
    "its first variable MTRR's mask": ("msr 0x201", "0xffc0000800"),
    "its last variable MTRR's mask": ("msr 0x20f", "0xffc0000800"),
    "its first machine check bank's control": ("msr 0x400", "0xffffffffffffffff"),
    "the same bank's address": ("msr 0x402", "0x123456000"),
    "its last bank's miscellany": ("msr 0x47f", "0x77"),
    "the serial port's scratch register": ("port 0x3ff 1", "0x5a"),
    "the local APIC's LINT1": ("msr 0x836", "0x100f2"),
    "the I/O APIC's entry 20": ("mem 0xfec00010 4", "0x100e3"),
    "the old controller's levels": ("port 0x4d0 1", "0x28"),
}


def test_a_reset_puts_everything_back(bare):
    """As the next system finds it: nothing is left of what the last one wrote."""
    def seen():
        g.ask("mem 0xfec00000 4 0x38")  # selects the I/O APIC's entry 20
        return {name: g.value(read) for name, (read, _) in LEFT_BEHIND.items()}

    g = bare(EDU)
    fresh = seen()
    for read, value in LEFT_BEHIND.values():
        g.ask(f"{read} {value}")
    written = seen()
    assert [name for name in fresh if written[name] == fresh[name]] == [], \
        "these show nothing: they cannot be written"
    g.tell("reset")
    g.ready(boots=2)
    again = seen()
    assert {n: hex(v) for n, v in again.items() if v != fresh[n]} == {}
    g.power_off()


def test_dma_stays_in_the_guest(bare, machine):
    """An address that is RAM of L1 but not of the guest: the IOMMU refuses."""
    outside, length = 192 << 20, 4096
    pattern = 0x6c656e64206c6561

    def in_l1():
        return machine.monitor.hmp(f"xp /512gx {outside:#x}")

    g = bare(EDU, memory="128M")
    assert g.ask(f"edu {slot(1)} load {pattern:#x}") == f"load {pattern:#x}"
    assert g.ask(f"edu {slot(1)} show") == f"show {pattern:#x} {pattern:#x}"
    g.ask(f"edu {slot(1)} dma out {outside:#x} {length}")
    assert f"{pattern:x}" not in in_l1()
    # And what is there does not get in: its buffer has no word of it but 0.
    words = set(re.findall(r"0x(\w{16})", in_l1())) - {"0" * 16}
    g.ask(f"edu {slot(1)} dma in {outside:#x} {length}")
    shown = {f"{int(w, 0):016x}" for w in g.ask(f"edu {slot(1)} show").split()[1:]}
    assert not shown & words
    # It still works for what is the guest's own.
    g.ask(f"edu {slot(1)} dma")
    said = guest.WARNINGS.findall(machine.console.read_text(errors="replace"))
    assert said, "the IOMMU did not say that it refused"
    g._console_at = machine.console.stat().st_size
    g.power_off()


@pytest.mark.parametrize("mode", ["intx", "msi"])
def test_edu_interrupts_on_qemu(bare_on_qemu, mode):
    """The guest itself, before lend is measured with it."""
    g = bare_on_qemu(EDU)
    # three raised one by one, one at the end of DMA
    assert g.ask(f"edu {slot(Q35_SLOT)} irq {mode}") == \
        f"irq {mode} 4 interrupts, status 0x107, 0 spurious"
    g.power_off()


@pytest.mark.parametrize("mode", [
    pytest.param("intx", marks=pytest.mark.zoo("edu", "INTx")),
    pytest.param("msi", marks=pytest.mark.zoo("edu", "MSI"))])
def test_edu_interrupts(bare, mode):
    g = bare(EDU)
    assert g.ask(f"edu {slot(1)} irq {mode}") == \
        f"irq {mode} 4 interrupts, status 0x107, 0 spurious"
    assert g.ask(f"edu {slot(1)} irq {mode} 8") == \
        f"irq {mode} 9 interrupts, status 0x1ff, 0 spurious"
    g.power_off()


# pci-testdev

def test_testdev(bare):
    g = bare(TESTDEV)
    tests = dict(t.split()[1:] for t in g.ask(f"testdev {slot(1)}").split(";")[1:])
    assert tests["mmio-no-eventfd"] == "10" and tests["portio-no-eventfd"] == "10"
    assert len(tests) == 6
    g.power_off()
