# SPDX-License-Identifier: MIT
"""Whole systems that UEFI firmware starts from an assigned disk, each by its own boot loader.

    LEND_OS_IMAGE=PATH pytest --long tests/lab/test_firmware_systems.py

runs an image of the user's in place of the lab's Debian; docs/guests.md says what is checked.
"""

import os
from pathlib import Path

import pytest

from firmware import LINUX, Console
from lab import cache, debian, efi_disk, unified
from lab.machine import Profile, quoted

pytestmark = [pytest.mark.firmware, pytest.mark.long]
GUID = "6c656e64-0000-4000-8000-000000000001"
EFIVARS = "/sys/firmware/efi/efivars"
LOADERS = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"  # the vendor of systemd-boot's variables
IMAGE = os.environ.get("LEND_OS_IMAGE")
CONTROLLERS = {
    "nvme": ("nvme,serial=lend0,drive=os",),
    "ahci": ("ich9-ahci,id=ahci", "ide-hd,bus=ahci.0,drive=os"),
}
UP, IN_ALL = 900, 2100  # seconds for a start and for all that a machine does, under emulation
MACHINE = "lend-system"
PRESSES, PAUSE = 10, 60  # of the button of a system that may not listen yet; seconds


class Debian:
    """The lab's, with what it does at its console."""

    memory = "768M"

    def __init__(self, loader):
        self._loader = loader

    def disk(self, folder):
        path, root, system = folder / "disk.img", folder / "root.img", cache.system()
        debian.write_disk(root)
        if self._loader == "grub":
            files = {"EFI/BOOT/BOOTX64.EFI": cache.grub() / "bootx64.efi"}
        else:
            unified.write(folder / "debian.efi", system / "vmlinuz", system / "initrd.img",
                          "console=ttyS0 root=LABEL=debian ro")
            files = {"EFI/BOOT/BOOTX64.EFI": cache.systemd_boot() / "bootx64.efi",
                     "EFI/LINUX/DEBIAN.EFI": folder / "debian.efi"}
        efi_disk.write(path, {name: file.read_bytes() for name, file in files.items()}, mib=96,
                       then=[root])
        root.unlink()
        return path

    def up(self, made):
        made.sees("lend-system login:", UP)
        made.tell("root")
        made.sees("root@lend-system:~# ", 100)

    def first(self, made):
        made.tell(f"printf '\\7\\0\\0\\0lend' >{EFIVARS}/LendTest-{GUID}; echo wrote $?"
                  "; sha256sum /vmlinuz /initrd.img >/check; sync; echo summed $?")
        made.sees("wrote 0")
        made.sees("summed 0")
        self.set_clock(made)

    def set_clock(self, made):
        """The hardware clock goes on from what it is set to, and takes the system's time."""
        made.tell("hwclock --set --utc --date '2031-05-06 23:59:50' && sleep 11 && hwclock --show --utc"
                  "; echo turned $?")
        made.sees(r"2031-05-07 00:0.*turned 0", 200)
        made.tell("hwclock --systohc --utc && echo off by"
                  ' $(($(date -d "$(hwclock --show --utc)" +%s) - $(date +%s))) s')
        assert abs(int(made.sees(r"off by (-?\d+) s", 200)[1])) <= 2

    def again(self, made):
        """What it stored is there, its loader is the one that was meant, and it restarts itself."""
        made.tell(f"tail -c 4 {EFIVARS}/LendTest-{GUID}; echo .; ls {EFIVARS}; echo listed $?")
        made.sees("lend\\.\r?\n")
        made.sees("listed 0")
        assert (f"LoaderInfo-{LOADERS}" in made.out) == (self._loader == "systemd-boot")
        made.tell("systemctl reboot")
        self.up(made)
        made.tell("sha256sum -c /check; echo summed $?")
        made.sees("summed 0", 100)

    def off(self, made, lend):
        # The key is the system's matter: this one has no service that listens to it.
        made.tell("exec 3</dev/input/event0; echo listens $?; head -c 24 <&3 >/dev/null"
                  " && systemctl poweroff")
        made.sees("listens 0")
        made.l1.run(["kill", "-TERM", str(made.keeper)], check=True)


class Image:
    """One of the user's, of which nothing is known but what it writes when it is up."""

    memory = os.environ.get("LEND_OS_MEMORY", "2G")
    # A systemd that starts too slowly gives its login prompt on the serial line up, and says this all the same.
    ready = os.environ.get("LEND_OS_READY", "login:|Reached target [^\\n]*multi-user")

    def disk(self, folder):
        return Path(IMAGE).resolve()

    def up(self, made):
        made.sees(self.ready, UP)

    def first(self, made):
        pass

    again = first

    def off(self, made, lend):
        # No system says from when on it listens to the button.
        for _ in range(PRESSES):
            if made.l1.run([lend, "ctl", MACHINE, "powerdown", "--limit", PAUSE]).ok:
                break


SYSTEMS = {"image": Image()} if IMAGE else {name: Debian(name) for name in ("grub", "systemd-boot")}
CASES = [("image", "nvme"), ("image", "ahci")] if IMAGE else \
    [("grub", "nvme"), ("grub", "ahci"), ("systemd-boot", "nvme")]


@pytest.fixture(scope="session")
def disk(tmp_path_factory):
    """disk(name): the disk of a system."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = SYSTEMS[name].disk(tmp_path_factory.mktemp(name))
        return made[name]
    return get


@pytest.fixture
def profile(disk, name, controller):
    """A host with this disk, which is as it was when the host is gone."""
    path = disk(name)
    with open(path, "rb") as file:
        kind = "qcow2" if file.read(4) == b"QFI\xfb" else "raw"
    return Profile(**LINUX, devices=CONTROLLERS[controller], qemu_args=(
        "-drive", f"if=none,id=os,format={kind},snapshot=on,file={quoted(path)}"))


@pytest.mark.parametrize("name,controller", CASES)
def test_whole_system(name, controller, firmware, lend):
    """It starts, stores a variable, sets the clock, ends by its power button, starts again, and restarts
    itself."""
    system = SYSTEMS[name]

    def machine(**store):
        return firmware(0, kind=Console, memory=system.memory, options=("-name", MACHINE),
                        limit=IN_ALL, **store)

    first = machine()
    system.up(first)
    system.first(first)
    system.off(first, lend)
    first.ended(0)
    second = machine(store=first.store)
    system.up(second)
    system.again(second)
    system.off(second, lend)
    second.ended(0)
