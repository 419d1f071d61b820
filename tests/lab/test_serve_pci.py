# SPDX-License-Identifier: MIT
"""`lend serve pci` of a drive and of a network card in an L1, for QEMU's own client.

The client has no right to VFIO but by the socket. While the guest works, the server does
not run: its switches of context do not grow.
"""

import contextlib
import json
import re
import signal

import pytest

import guest
import zoo as z
from lab import cache

pytestmark = pytest.mark.profile("nvme-net")
SOCKET = "/tmp/lend-pci.sock"
DRIVE, CARD = 0, 1


class Server:
    def __init__(self, l1, lend, address, *words):
        self.l1 = l1
        self.command = l1.start(["/bin/sh", "-c", 'exec "$@"', "sh", lend, "serve", "pci",
                                 address, "-s", SOCKET, *words], timeout=300)
        self.command.expect("listening at", 30)

    def pid(self):
        """Of the process that serves; with --managed there is another one before it."""
        return int(self.l1.run("pgrep -n -x lend", check=True).out)

    def status(self, pid=None):
        text = self.l1.run(f"cat /proc/{pid or self.pid()}/status", check=True).out
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def switches(self, pid=None):
        said = self.status(pid)
        return int(said["voluntary_ctxt_switches"]) + int(said["nonvoluntary_ctxt_switches"])

    def end(self, number=signal.SIGTERM):
        self.command.kill(number)
        return self.command.wait()


@contextlib.contextmanager
def client(l1, image, kernel, append="", memory="256M"):
    """A guest on QEMU with the served device."""
    words = [cache.newer_qemu(), "-nodefaults", "-no-user-config", "-no-reboot", "-display",
             "none", "-machine", "q35,memory-backend=m", "-accel", "kvm", "-cpu", "host",
             "-object", f"memory-backend-memfd,id=m,size={memory},share=on", "-m", memory,
             "-kernel", kernel.image, "-initrd", image, "-serial", "stdio",
             "-append", f"{guest.APPEND} {append}", "-device",
             json.dumps({"driver": "vfio-user-pci",
                         "socket": {"type": "unix", "path": SOCKET}})]
    made = guest.Guest(l1, words, [], wrap="export QEMU_MODULE_DIR=/nonexistent; exec {0}",
                       limit=200)
    try:
        yield made
    finally:
        made.command.kill(signal.SIGKILL, "cgroup")
        made.command.wait()


@pytest.fixture
def served(l1, lend, kernel, guest_image):
    """served(which, append): a server of that device, and a guest on its client."""
    machine = l1()
    image = guest_image(z.INIT)

    @contextlib.contextmanager
    def make(which, append="", words=()):
        address = machine.addresses[which]
        z.bind(machine, [address])
        server = Server(machine, lend, address, *words)
        try:
            with client(machine, image, kernel("lab"), append) as made:
                yield server, made
        finally:
            if server.command.running:
                server.command.kill(signal.SIGKILL, "cgroup")

    return make


def of_host(l1, address, driver, disk="/dev/nvme0n1"):
    """The hash of the drive, as the host's own driver reads it."""
    z.bind(l1, [address], driver)
    out = l1.run(f"until [ -b {disk} ]; do :; done; sha256sum {disk}", check=True, timeout=60).out
    return out.split()[0]


@pytest.mark.parametrize("mode", ["MSI-X", "INTx"])
def test_drive(served, far, l1, mode):
    """Read, written and verified as in the zoo; then the host's driver finds what was written."""
    machine = l1()
    drive, address = machine.drives[DRIVE], machine.addresses[DRIVE]
    with served(DRIVE, z.NO_MESSAGES if mode == "INTx" else "") as (server, made):
        lent = z.Lent(made.ready(120), [z.Function(machine, address)], far)
        said = server.status()
        assert said["Seccomp"] == "2" and said["NoNewPrivs"] == "1"
        assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
        assert int(said["RssAnon"].split()[0]) <= 2048
        lent.disk("/dev/nvme0n1", drive)
        before, interrupts = server.switches(), sum(i[2] for i in lent.interrupts(lent.functions[0]))
        made.ask("diskio read /dev/nvme0n1 -n 300")
        more = sum(i[2] for i in lent.interrupts(lent.functions[0])) - interrupts
        assert more > 100 and server.switches() == before, \
            f"{more} interrupts, and the server ran {server.switches() - before} times"
        lent.interrupted(mode)
        digest = made.hash()
        made.tell("guest_end")
        made.command.wait()
        assert server.end().status == 0
    assert of_host(machine, address, "nvme") == digest
    made.no_warnings()


CARD_MODES = pytest.mark.parametrize("mode, number", [("MSI-X", 2), ("INTx", 0)])


@CARD_MODES
def test_card(served, far, l1, mode, number):
    """Ping, and 10 MB over TCP in."""
    machine = l1()
    with served(CARD, f"e1000e.IntMode={number}") as (server, made):
        lent = z.Lent(made.ready(120), [z.Function(machine, machine.addresses[CARD])], far)
        lent.network_in()
        lent.interrupted(mode)
        assert server.end().status == 0
    made.no_warnings()


@pytest.mark.long
@CARD_MODES
def test_card_sends(served, far, l1, mode, number):
    """10 MB in and out again. It has stalled on the way out on a loaded computer."""
    machine = l1()
    with served(CARD, f"e1000e.IntMode={number}") as (server, made):
        lent = z.Lent(made.ready(120), [z.Function(machine, machine.addresses[CARD])], far)
        lent.network()
        assert server.end().status == 0
    made.no_warnings()


def test_lend_run_is_a_client(l1, lend, boot, sha256):
    """The drive by `lend run`, which opens no VFIO; its messages are for the set-up alone."""
    machine = l1()
    address = machine.addresses[DRIVE]
    z.bind(machine, [address])
    server = Server(machine, lend, address)
    pid = server.pid()
    try:
        made = boot(machine, devices=[], options=["-device", f"vfio-user-pci,socket={SOCKET}"])
        made.ask("wait_for /dev/nvme0n1")
        before = server.switches(pid)
        assert made.hash() == sha256(machine.drives[DRIVE])
        assert server.switches(pid) == before
        seed = "diskio fill /dev/nvme0n1 --seed 77 --depth 8"
        assert made.ask(seed).startswith("verified")
        made.tell("guest_end")
        assert made.command.wait().status == 0
        assert server.end().status == 0
    finally:
        if server.command.running:
            server.command.kill(signal.SIGKILL, "cgroup")
    assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
    made.no_warnings()


def busy(made):
    """The guest reads without end, and the drive has served some of it."""
    made.ready(120)
    made.ask("wait_for /dev/nvme0n1")
    made.tell("while :; do diskio hash /dev/nvme0n1 --depth 8 >/dev/null; done")
    start = made.drive_reads()
    while made.drive_reads() < start + 50:
        assert made.command.running


def test_killed_server_without_maps(served, l1, sha256):
    """Nobody else has the device: it is free as soon as the server is gone, and reset."""
    machine = l1()
    address = machine.addresses[DRIVE]
    with served(DRIVE, words=["--no-mmap"]) as (server, made):
        busy(made)
        assert server.end(signal.SIGKILL).signal == signal.SIGKILL
        assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
    made.no_warnings()


def test_killed_server_and_client(served, l1, sha256):
    """A client that maps BARs holds the device, too: it is free when both are gone."""
    machine = l1()
    address = machine.addresses[DRIVE]
    with served(DRIVE) as (server, made):
        busy(made)
        assert server.end(signal.SIGKILL).signal == signal.SIGKILL
    assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
    made.no_warnings()


def test_killed_client_and_the_next_one(served, l1, guest_image, kernel, sha256):
    """The device is quiet and reset for the next client of the same server."""
    machine = l1()
    with served(DRIVE) as (server, made):
        busy(made)
        made.command.kill(signal.SIGKILL, "cgroup")
        made.command.wait()
        with client(machine, guest_image(z.INIT), kernel("lab")) as other:
            other.ready(120)
            assert other.hash() == sha256(machine.drives[DRIVE])
        assert server.end().status == 0
    made.no_warnings()


def test_managed(l1, lend, sha256):
    """Taken and given back; also if the server is killed."""
    machine = l1()
    address = machine.addresses[DRIVE]
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
        server = Server(machine, lend, address, "--managed")
        driver = machine.run(f"readlink /sys/bus/pci/devices/{address}/driver", check=True).out
        assert driver.strip().endswith("vfio-pci")
        machine.run(f"kill -{int(number)} {server.pid()}", check=True)
        result = server.command.wait()
        assert result.status == (0 if number == signal.SIGTERM else 1), result.err
        assert ("killed by signal 9" in result.err) == (number == signal.SIGKILL)
        driver = machine.run(f"readlink /sys/bus/pci/devices/{address}/driver", check=True).out
        assert driver.strip().endswith("/nvme")


def test_refused_in_the_words_of_check(l1, lend):
    machine = l1()
    address = machine.addresses[CARD]
    z.bind(machine, [address], "e1000e")
    said = machine.run([lend, "serve", "pci", address, "-s", SOCKET])
    assert said.status == 1
    assert re.search(rf"{address}: .*(driver|lend bind)", said.err), said.err
