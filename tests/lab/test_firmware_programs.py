# SPDX-License-Identifier: MIT
"""Programs that UEFI firmware starts from an assigned drive: iPXE, and some that fail."""

import pytest

from firmware import HOST, shell, shell_disk
from firmware_programs import TRIPLE_FAULT, UNDEFINED
from lab import cache
from lab.efi_program import program
from lab.machine import Profile

pytestmark = pytest.mark.firmware
NVME, CARD = range(2)
GUID = "6c656e64-0000-4000-8000-000000000001"


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    """A drive with the programs beside the shell, and a card with a server of TFTP."""
    folder = tmp_path_factory.mktemp("programs")
    disk = folder / "disk.img"
    disk.write_bytes(shell_disk("nvme", **{
        "IPXE.EFI": cache.program("ipxe").read_bytes(),
        "UNDEF.EFI": program(UNDEFINED), "TRIPLE.EFI": program(TRIPLE_FAULT)}).read_bytes())
    (folder / "tftp").mkdir()
    (folder / "tftp/shell.efi").write_bytes(shell().read_bytes())
    return Profile(
        **HOST, drives=(str(disk),),
        devices=("nvme,serial=lend0,drive=d0", "e1000e,netdev=n0"),
        qemu_args=("-netdev", f"user,id=n0,tftp={folder}/tftp"))


@pytest.mark.long
def test_ipxe(firmware):
    """iPXE from a drive, with its own driver of a card, fetches a program and starts it."""
    shell = firmware(NVME, CARD).ready()
    shell.tell("fs0:ipxe.efi")
    shell.command.expect("iPXE initialising devices", 60)
    shell.command.expect("Press Ctrl-B", 60)
    shell.command.send("\x02")
    shell.command.expect("iPXE> ", 60)
    shell.tell("dhcp")
    shell.sees(r"net0.*ok", 60)
    shell.tell("chain tftp://10.0.2.2/shell.efi")
    shell.sees("UEFI Interactive Shell", 120)
    shell.sees("lend-shell: ready nvme", 60)
    shell.power_off()


def stopped(shell):
    """Ends a machine that does not hear its power button."""
    keeper = shell.keeper
    shell.l1.run(["kill", "-TERM", str(keeper)], check=True)
    shell.command.expect("pressing the guest's power button; ask again to end it at once")
    shell.l1.run(["kill", "-TERM", str(keeper)], check=True)
    return shell.ended(0)


@pytest.mark.long
def test_exception(firmware):
    """The firmware says what it was, and stands still until the machine is stopped."""
    shell = firmware(NVME).ready()
    shell.tell("fs0:undef.efi")
    shell.sees(r"X64 Exception Type - 06\(#UD.*RIP +- .*Find image based on IP", 60)
    stopped(shell)


@pytest.mark.long
def test_triple_fault(firmware):
    """One line, and the firmware starts again with the same variables."""
    shell = firmware(NVME).ready()
    shell.ask(f"setvar LendTest -guid {GUID} -nv -bs =0x55")
    shell.tell("fs0:triple.efi")
    shell.ready(boots=2)
    assert "0001 Bytes" in shell.ask(f"setvar LendTest -guid {GUID}")
    assert shell.command.err.count("shut down (triple fault)") == 1
    shell.power_off()
    assert shell.stats["reboots"] == 1
    once = firmware(NVME, options=("-no-reboot",)).ready()
    once.tell("fs0:triple.efi")
    once.ended(3)
    assert "triple fault" in once.command.err
