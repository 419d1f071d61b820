# SPDX-License-Identifier: MIT
"""With the firmware of Debian 12 and of sid what other tests show with that of Debian 13, in few starts."""

import re

import pytest

from firmware import HOST, shell, shell_disk
from firmware_programs import TRIPLE_FAULT
from lab.efi_program import program
from lab.machine import Profile
from lab.profiles import VIRTIO
from test_firmware_network import ROM, filled, network_options
from test_firmware_store import GUID, TAKE_ROOM, has, set_variable

pytestmark = [pytest.mark.firmware, pytest.mark.long]
each = pytest.mark.parametrize("release", ["bookworm", "sid"])
NAMES = ("nvme", "ahci", "xhci", "blk")
NVME, AHCI, XHCI, BLK, CARD = range(5)
LABEL = "DISK.TXT"  # says which disk it is on, in words that no start prints


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    """A shell disk behind each kind of controller, and a card with a server of TFTP."""
    folder = tmp_path_factory.mktemp("releases")
    programs = {"TRIPLE.EFI": program(TRIPLE_FAULT)}
    for name in NAMES:
        files = programs if name == "nvme" else {}
        (folder / name).write_bytes(
            shell_disk(name, **{LABEL: f"this is {name}\r\n".encode()}, **files).read_bytes())
    (folder / "tftp").mkdir()
    (folder / "tftp/shell.efi").write_bytes(shell().read_bytes())
    return Profile(
        **HOST, drives=tuple(str(folder / name) for name in NAMES),
        qemu_args=("-netdev", f"user,id=n0,tftp={folder}/tftp,bootfile=shell.efi"),
        devices=("nvme,serial=lend0,drive=d0", "ich9-ahci,id=ahci", "ide-hd,bus=ahci.0,drive=d1",
                 "qemu-xhci,id=usb", "usb-storage,bus=usb.0,drive=d2",
                 f"virtio-blk-pci,drive=d3{VIRTIO}", "e1000e,netdev=n0"))


@each
def test_controllers_variables_and_resets(release, firmware):
    """A file from each disk, and a start from three of them; a variable outlives each kind of reset and the
    machine, and not its store."""
    first = firmware(NVME, AHCI, XHCI, BLK, release=release,
                     properties=[",bootindex=0", "", "", ""]).ready()
    first.ask("connect -r")
    first.ask("map -r")
    read = "".join(first.ask(f"type fs{n}:\\{LABEL}") for n in range(len(NAMES)))
    assert sorted(re.findall(r"this is (\w+)", read)) == sorted(NAMES)
    set_variable(first, "LendTest")
    for boots, line in ((2, "reset -c"), (3, "reset -w"), (4, "fs0:triple.efi")):
        first.tell(line)
        first.ready(boots=boots)
        has(first, "LendTest")
    first.power_off()
    assert first.stats["reboots"] == 3

    second = firmware(NVME, AHCI, release=release, store=first.store, options=("-no-reboot",),
                      properties=[",bootindex=1", ",bootindex=0"])
    second.command.expect('BdsDxe: starting Boot.* "UEFI QEMU HARDDISK', 120)
    second.ready(r"\w+")  # the shell takes the first script that it finds
    has(second, "LendTest")
    second.tell("reset -c")
    second.ended(0)
    second.l1.run(f"rm {first.store}", check=True)
    third = firmware(XHCI, release=release, store=first.store).ready("xhci")
    assert "0004 Bytes" not in third.ask(f"setvar LendTest -guid {GUID}")
    third.power_off()


@each
def test_full_disk(release, l1, profile, firmware):
    """What could not be stored at first is there when there was room again, at a start from another disk."""
    machine = l1(profile)
    store = "/run/full/vars.fd"
    machine.run("mkdir -p /run/full && mount -t tmpfs -o size=1M none /run/full", check=True)
    first = firmware(NVME, release=release, store=store, options=("-v",)).ready()
    machine.run(TAKE_ROOM.format(store=store), check=True)
    set_variable(first, "LendFull")
    has(first, "LendFull")
    first.command.expect("cannot write the guest's UEFI variables .*: No space left on device")
    machine.run("rm /run/full/other", check=True)
    first.power_off()
    second = firmware(BLK, release=release, store=store).ready("blk")
    has(second, "LendFull")
    second.power_off()
    machine.run("umount /run/full", check=True)


@each
def test_network(release, firmware):
    """A start by the driver in the card's ROM, and none without that ROM."""
    booted = firmware(CARD, release=release, properties=[filled(ROM)])
    booted.command.expect("NBP file downloaded successfully", 150)
    booted.started()
    booted.command.expect("Shell> ", 60)
    assert network_options(booted) == 1
    booted.power_off()
    booted = firmware(NVME, CARD, release=release, properties=["", filled(ROM + ",rombar=0")]).ready()
    assert network_options(booted) == 0
    booted.power_off()
