# SPDX-License-Identifier: MIT
"""Devices that come to a guest that UEFI firmware has started, and go: also those of the start."""

import pytest

from firmware import LINUX, linux_disk
from guest import INIT, Guest
from lab import cache
from lab.command import CommandFailed
from lab.evidence import evidence
from lab.machine import Profile
from qmp import Qmp

pytestmark = [pytest.mark.firmware, pytest.mark.long]


@pytest.fixture(scope="session")
def profile(tmp_path_factory, kernel, guest_image):
    """A host with two drives, of which each can start the guest."""
    initrd = guest_image(INIT, "stock", ("nvme",))
    drives = [tmp_path_factory.mktemp("linux") / "disk.img" for _ in range(2)]
    for path in drives:
        linux_disk(path, kernel("stock"), initrd)
    return Profile(**LINUX, drives=tuple(map(str, drives)), devices=("nvme,serial=lend0,drive=d0",
                                                    "nvme,serial=lend1,drive=d1"))


def test_devices_come_and_go(firmware, l1, profile, sha256):
    """Into an empty port, and back into the port of the start, whose room outlives a reset without it."""
    machine = l1(profile)
    first, second = machine.addresses
    machine.run([cache.LAB / "bind", second, "vfio-pci"], check=True)
    made = firmware(0, kind=Guest, memory="512M", limit=900, properties=[",id=first"],
                    options=("-name", "plugged", "-ports", "1", "-qmp", "unix:/run/plugged"))
    made.ready(200)
    qmp = Qmp(machine, "/run/plugged")

    def add(name, address):
        qmp.execute("device_add", **{"driver": "vfio-pci", "id": name, "host": address,
                                     "x-allow-unreset": True})
        assert qmp.event("LEND_DEVICE_PLUGGED")["id"] == name
        try:
            assert qmp.event("LEND_DEVICE_READY")["id"] == name
        except CommandFailed as e:
            raise CommandFailed(f"{e}\nthe guest does not turn it on; what its host says of it: "
                                f"{evidence(machine, made.command)}") from None

    def remove(name):
        qmp.execute("device_del", id=name)
        assert qmp.event("DEVICE_DELETED")["device"] == name

    def drives(*expected):
        """By their serial numbers, each with all that is on it."""
        for number, drive in expected:
            disk = f"nvme{number}n1"
            assert made.ask(f"wait_for /dev/{disk} && cat /sys/block/{disk}/device/serial").strip() == \
                f"lend{drive}"
            assert made.hash(f"/dev/{disk}") == sha256(machine.drives[drive])

    add("second", second)
    drives((0, 0), (1, 1))
    remove("first")
    add("first", first)
    drives((1, 1), (0, 0))
    remove("first")
    made.reboot(250)  # from the second drive, behind the port that was empty at the start
    drives((0, 1))
    add("first", first)
    drives((0, 1), (1, 0))
    made.power_off()
    assert made.stats["reboots"] == 1
