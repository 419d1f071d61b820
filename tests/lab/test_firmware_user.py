# SPDX-License-Identifier: MIT
"""UEFI firmware as a user starts it: by name, in a terminal, with the commands of docs/guests.md."""

import re

import pytest

from firmware import ESCAPES, Shell, images
from lab import cache
from test_firmware_store import has, profile, set_variable  # noqa: F401 (the host)

pytestmark = [pytest.mark.firmware, pytest.mark.long]
NAME = "lend-lab"
STORE = f"/var/lib/lend/vars/{NAME}.fd"
SETTING, OWN_SHELL = "opt/org.tianocore/EFIShellSupport", "EFI Internal Shell"
ESC, DOWN, ENTER = "\x1b", "\x1b[B", "\r"
OPTION = "UEFI QEMU NVMe Ctrl lend0 1"
DRIVE_IS_THERE = "until [ -b /dev/nvme0n1 ]; do :; done"  # a driver comes before its disk

# The descriptions of firmware, as the package has them, with the paths of the lab's cache.
DESCRIBE = """mkdir -p /run/described/qemu/firmware
for f in {images}/firmware/*.json; do
	sed 's,/usr/share/OVMF,{images}/OVMF,' $f >/run/described/qemu/firmware/00-${{f##*/}}
done"""


def shown(text):
    """A sentence on the firmware's screen, where lines end anywhere."""
    return rf"\s*{ESCAPES}\s*".join(text.split())


def driver_of(machine, address):
    return machine.run(f"basename $(readlink /sys/bus/pci/devices/{address}/driver)").out.strip()


def test_by_name(l1, lend, profile):
    """What `lend check` says; a store by the machine's name, the menu by Esc, a setting, a drive that goes
    back to its driver."""
    machine = l1(profile)
    address = machine.addresses[0]
    machine.run(DESCRIBE.format(images=images("trixie")), check=True)
    machine.run([cache.LAB / "bind", address, "nvme"], check=True)
    machine.run(DRIVE_IS_THERE, check=True, timeout=60)
    described = ["env", "XDG_CONFIG_HOME=/run/described"]
    what = ("-m", "256M", "-firmware", "uefi")
    checked = machine.run([*described, lend, "check", *what, "nvme0n1"]).out
    assert "OVMF_CODE_4M.fd is firmware that a machine can start" in checked
    assert re.findall("FAILED +(.*)", checked) == ["it is with nvme, not with vfio-pci"]

    def start(*options):
        """In a terminal, as `lend run` is typed."""
        return Shell(machine, [
            *described, lend, "run", *what, "-name", NAME, *options,
            "-device", "vfio-pci,host=/dev/nvme0n1,managed=on"], (), pty=True, limit=600)

    def end(shell):
        assert driver_of(machine, address) == "vfio-pci"
        shell.power_off()
        assert driver_of(machine, address) == "nvme"
        machine.run(DRIVE_IS_THERE, check=True, timeout=60)

    first = start("-boot", "menu=on", "-fw-cfg", f"name={SETTING},string=no")
    # What is typed before the firmware has cleared the screen for the last time is lost: so the key is
    # pressed again.
    first.sees(r"\x1b\[2J", 120)
    first.press(ESC)
    first.sees(r"(\x1b\[2J.*){3}", 60)
    first.press(ESC)
    first.sees("Select Language.*Select Entry", 150)
    for key, then in ((DOWN, shown("take you to the Device Manager")),
                      (DOWN, shown("take you to the Boot Manager")),
                      (ENTER, f"Boot Manager Menu.*{shown(OPTION)}.*Select Entry")):
        first.press(key)
        first.sees(then, 100)
    first.press(ENTER)
    first.ready()
    assert OWN_SHELL not in first.ask("bcfg boot dump")
    set_variable(first, "LendTest")
    end(first)
    kept = machine.run(f"stat -c '%a %s' {STORE}; ls -A {STORE.rpartition('/')[0]}", check=True)
    assert kept.out.split() == ["600", str(0x84000), f"{NAME}.fd"]

    second = start().ready()
    has(second, "LendTest")
    assert OWN_SHELL in second.ask("bcfg boot dump")
    end(second)
    machine.run(f"rm {STORE}", check=True)
