# SPDX-License-Identifier: MIT
"""Devices that no system has a driver for, driven step by step by a guest
without an operating system (tests/guest).

Rules: one L1 has all the devices; a test hands over those it needs, which sit
in the guest's slots 1, 2, ... in that order. What the guest can do is shown on
QEMU's vfio-pci in the same L1 where lend does not do it yet. The peer of the
ivshmem device is this process (docs/specs/ivshmem-spec of QEMU has the
protocol).
"""

import hashlib
import mmap
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

import guest
from lab import cache, images
from lab.machine import Profile

pytestmark = pytest.mark.profile("bare")

GIB = 1 << 30
VECTORS = 4
EDU, TESTDEV, IVSHMEM, EDU_WIDE = range(4)
GUEST_ID, PEER_ID = 0, 7
# QEMU's q35 without firmware tables to ask: where ECAM is, which pin slot 3
# has, and its router told to leave the old interrupt controller alone.
Q35 = "ecam=0xb0000000 gsi=23 --" \
      " cfgw 00:1f.0 0x60 4 0x80808080; cfgw 00:1f.0 0x68 4 0x80808080"
Q35_SLOT = 3


class Peer:
    """The ivshmem server, and the other peer of each device that connects."""

    def __init__(self, path):
        fd = os.memfd_create("ivshmem")
        os.ftruncate(fd, GIB)
        self._fd = fd
        self.memory = mmap.mmap(fd, GIB)
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._clients = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._clients.append(client)
            self._to_guest = [os.eventfd(0) for _ in range(VECTORS)]
            self._to_us = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(VECTORS)]
            messages = [(0, None), (GUEST_ID, None), (-1, self._fd)]
            messages += [(PEER_ID, fd) for fd in self._to_us]
            messages += [(GUEST_ID, fd) for fd in self._to_guest]
            for number, fd in messages:
                socket.send_fds(client, [struct.pack("<q", number)],
                                [] if fd is None else [fd])

    def ring(self, vector):
        os.eventfd_write(self._to_guest[vector], 1)

    def rung(self):
        """The vectors that the guest has rung since."""
        def was(fd):
            try:
                return os.eventfd_read(fd) > 0
            except BlockingIOError:
                return False
        return [v for v, fd in enumerate(self._to_us) if was(fd)]

    def word(self, at):
        return struct.unpack_from("<Q", self.memory, at)[0]

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Bare(guest.Guest):
    """The bare guest: one line asked, one answered."""

    def ready(self, timeout=30, boots=1):
        self.command.expect(f"(?s)(guest: ready\r?\n.*){{{boots}}}", timeout)
        return self

    def tell(self, line):
        self._at = len(self.out)
        self.command.send(line + "\n")

    def ask(self, line, timeout=30):
        """What the guest answers behind the command's name."""
        self.tell(line)
        name = f"guest: {line.split()[0]} "
        end = time.monotonic() + timeout
        while not (answer := self.answered()):
            assert self.command.running and time.monotonic() < end, \
                f"asked {line}, no answer; {self.command.err[-500:]}"
        assert answer.startswith(name) and " error: " not in answer, \
            f"asked {line}, answered {answer}"
        return answer.removeprefix(name).strip()

    def answered(self):
        """The whole line that answers what was told last, or "" for now."""
        time.sleep(0.005)
        line = re.search(r"\S.*\n", self.out[self._at:])
        return line[0] if line else ""

    def value(self, line):
        return int(self.ask(line), 0)

    def power_off(self):
        self.tell("off")
        return self.ended(0)


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    made = Peer(tmp_path_factory.mktemp("ivshmem") / "socket")
    yield made
    made.close()


@pytest.fixture(scope="session")
def image():
    """The guest, built; its name is its content's hash, L1 caches by name."""
    out = cache.ROOT / "build/guest"
    subprocess.run(["make", "-s", "-C", cache.ROOT / "tests/guest", f"O={out}"],
                   check=True)
    data = (out / "bare.elf").read_bytes()
    path = out / f"bare-{hashlib.sha256(data).hexdigest()[:16]}.elf"
    if not path.exists():
        images.write(path, data)
    return path


@pytest.fixture
def machine(l1, peer):
    return l1(Profile(
        kernel="lab",
        devices=("edu", "pci-testdev",
                 f"ivshmem-doorbell,chardev=peer,vectors={VECTORS}",
                 "edu,dma_mask=0xffffffffffff"),
        qemu_args=("-chardev", f"socket,id=peer,path={peer.path}")))


@pytest.fixture
def bare(machine, lend, image):
    """bare(EDU, ...): the guest with these devices, waiting for commands."""
    def make(*devices, memory="128M", append="", options=(), **others):
        addresses = [machine.addresses[d] for d in devices]
        words = [lend, "run", "-m", memory, "-kernel", image,
                 "-append", append, "-serial", "stdio", *options]
        for address in addresses:
            words += ["-device", f"vfio-pci,host={address}"]
        return Bare(machine, words, addresses, **others).ready()
    return make


@pytest.fixture
def bare_on_qemu(machine, image):
    """The same on QEMU: one device, in slot 3 of its root bus."""
    def make(device, properties=""):
        qemu = cache.cached_qemu()
        if not qemu:
            pytest.skip("no QEMU of backports")
        address = machine.addresses[device]
        words = [qemu, "-machine", "q35", "-accel", "kvm", "-cpu", "host",
                 "-m", "128", "-display", "none", "-nic", "none", "-vga", "none",
                 "-serial", "stdio", "-no-reboot", "-kernel", image, "-append",
                 Q35, "-device", f"vfio-pci,host={address},addr={Q35_SLOT}"
                 f"{properties}"]
        return Bare(machine, words, [address]).ready(60)
    return make


def slot(number):
    return f"00:{number:02x}.0"


def found(scan):
    """The functions that a scan told of, by address: (ids, class, BARs, capabilities)."""
    functions = {}
    for text in scan.split(";")[1:]:
        address, ids, kind, *rest = text.split()
        bars = {int(b.split(":")[0]): tuple(b.split(":")[1:])
                for b in rest if ":" in b}
        functions[address] = ids, kind, bars, {c for c in rest if ":" not in c}
    return functions


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

def test_edu_works(bare):
    g = bare(EDU)
    assert g.ask(f"edu {slot(1)} fact 10") == "fact 10 3628800"
    assert g.ask(f"edu {slot(1)} dma") == "dma 4096 bytes there and back"
    assert g.ask(f"edu {slot(1)} irq none") == \
        "irq none 0 interrupts, status 0x0, 0 spurious"
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


@pytest.mark.parametrize("mode", ["intx", "msi"])
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


# ivshmem

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


# The ends

@pytest.mark.parametrize("command, status", [
    ("off", 0), ("fault", 3), ("panic", 4)])
def test_end(bare, command, status):
    g = bare(EDU)
    g.tell(command)
    g.ended(status)


def test_reset(bare):
    g = bare(EDU)
    for boots in (2, 3):
        g.ask(f"edu {slot(1)} fact 5")
        g.tell("reset")
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
    assert len(g.ended(0).err.splitlines()) < 60


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
