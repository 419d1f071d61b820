# SPDX-License-Identifier: MIT
"""The ends of `lend serve pci`: killed, left by its client, managed. What it serves is shown
by the zoo's cells that have a client (test_zoo.py)."""

import contextlib
import re
import signal

import pytest

import zoo as z
import zoo_served
from zoo_served import Server

pytestmark = pytest.mark.profile("nvme-net")
DRIVE, CARD = 0, 1


@contextlib.contextmanager
def client(server, image):
    """A guest on QEMU with the served device."""
    made = zoo_served.on_qemu(server, image)
    try:
        yield made
    finally:
        made.command.kill(signal.SIGKILL, "cgroup")
        made.command.wait()


@pytest.fixture
def served(l1, lend, guest_image):
    """served(): a server of the drive, and a guest on its client."""
    machine = l1()
    image, address = guest_image(z.INIT), machine.addresses[DRIVE]

    @contextlib.contextmanager
    def make(*words):
        z.bind(machine, [address])
        server = Server(machine, lend, address, *words)
        try:
            with client(server, image) as made:
                yield server, made
        finally:
            server.kill()

    return make


def of_host(l1, address, driver, disk="/dev/nvme0n1"):
    """The hash of the drive, as the host's own driver reads it."""
    z.bind(l1, [address], driver)
    out = l1.run(f"until [ -b {disk} ]; do :; done; sha256sum {disk}", check=True, timeout=60).out
    return out.split()[0]


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
    with served("--no-mmap") as (server, made):
        busy(made)
        assert server.end(signal.SIGKILL).signal == signal.SIGKILL
        assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
    made.no_warnings()


def test_killed_server_and_client(served, l1, sha256):
    """A client that maps BARs holds the device, too: it is free when both are gone."""
    machine = l1()
    address = machine.addresses[DRIVE]
    with served() as (server, made):
        busy(made)
        assert server.end(signal.SIGKILL).signal == signal.SIGKILL
    assert of_host(machine, address, "nvme") == sha256(machine.drives[DRIVE])
    made.no_warnings()


def test_killed_client_and_the_next_one(served, l1, guest_image, sha256):
    """The device is quiet and reset for the next client of the same server."""
    machine = l1()
    with served() as (server, made):
        busy(made)
        made.command.kill(signal.SIGKILL, "cgroup")
        made.command.wait()
        with client(server, guest_image(z.INIT)) as other:
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
        machine.run(f"kill -{int(number)} {server.pid}", check=True)
        result = server.command.wait()
        assert result.status == (0 if number == signal.SIGTERM else 1), result.err
        assert ("killed by signal 9" in result.err) == (number == signal.SIGKILL)
        driver = machine.run(f"readlink /sys/bus/pci/devices/{address}/driver", check=True).out
        assert driver.strip().endswith("/nvme")


def test_refused_in_the_words_of_check(l1, lend):
    machine = l1()
    address = machine.addresses[CARD]
    z.bind(machine, [address], "e1000e")
    said = machine.run([lend, "serve", "pci", address, "-s", zoo_served.SOCKET])
    assert said.status == 1
    assert re.search(rf"{address}: .*(driver|lend bind)", said.err), said.err
