# SPDX-License-Identifier: MIT
"""Devices that no system has a driver for, driven step by step by a guest
without an operating system (tests/guest).

Rules: one L1 has all the devices; a test hands over those it needs, which sit
in the guest's slots 1, 2, ... in that order. What the guest can do is shown on
QEMU's vfio-pci in the same L1 where lend does not do it yet. The peer of the
ivshmem device is this process (docs/specs/ivshmem-spec of QEMU has the
protocol).
"""

import fcntl
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
from lab.patience import patient

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
        end = time.monotonic() + patient(timeout)
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
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "lock", "w", encoding="ascii") as lock:  # another worker builds it, too
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", cache.ROOT / "tests/guest", f"O={out}"], check=True)
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
    def make(*devices, memory="128M", append="", options=(),
             properties="", **others):
        addresses = [machine.addresses[d] for d in devices]
        words = [lend, "run", "-m", memory, "-kernel", image,
                 "-append", append, "-serial", "stdio", *options]
        # Nothing can reset edu, ivshmem and pci-testdev: they are on the root bus.
        if isinstance(properties, str):
            properties = [properties] * len(addresses)
        for address, more in zip(addresses, properties, strict=True):
            words += ["-device", f"vfio-pci,host={address},x-allow-unreset=on{more}"]
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
