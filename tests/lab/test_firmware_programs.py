# SPDX-License-Identifier: MIT
"""Programs that UEFI firmware starts from an assigned drive: iPXE, Xen, and some that fail."""

import pytest

from firmware import HOST, RELEASES, shell, shell_disk
from firmware_programs import FLOOD, TRIPLE_FAULT, UNDEFINED
from lab import cache
from lab.efi_program import program
from lab.machine import Profile

pytestmark = pytest.mark.firmware
NVME, CARD = range(2)
LOG_MAX = 16 << 10
GUID = "6c656e64-0000-4000-8000-000000000001"
XEN_CFG = b"""[global]
default=x
[x]
options=console=com1 com1=115200,8n1 loglvl=all
kernel=linux.efi console=hvc0 quiet loglevel=1 panic=-1
"""


@pytest.fixture(scope="session")
def profile(tmp_path_factory, kernel):
    """A drive with the programs beside the shell, and a card with a server of TFTP."""
    folder = tmp_path_factory.mktemp("programs")
    disk = folder / "disk.img"
    disk.write_bytes(shell_disk("nvme", **{
        "IPXE.EFI": cache.program("ipxe").read_bytes(),
        "XEN.EFI": cache.program("xen").read_bytes(), "XEN.CFG": XEN_CFG,
        "LINUX.EFI": kernel("stock").image.read_bytes(),
        "UNDEF.EFI": program(UNDEFINED), "TRIPLE.EFI": program(TRIPLE_FAULT),
        "FLOOD.EFI": program(FLOOD)}).read_bytes())
    (folder / "tftp").mkdir()
    (folder / "tftp/shell.efi").write_bytes(shell().read_bytes())
    return Profile(
        **HOST, drives=(str(disk),),
        devices=("nvme,serial=lend0,drive=d0", "e1000e,netdev=n0"),
        qemu_args=("-netdev", f"user,id=n0,tftp={folder}/tftp"))


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_ipxe(release, firmware):
    """iPXE from a drive, with its own driver of a card, fetches a program and starts it."""
    shell = firmware(NVME, CARD, release=release).ready()
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
@pytest.mark.parametrize("release", RELEASES)
def test_xen(release, firmware):
    """Xen by the machine's ACPI tables, and a Linux on it that finds the drive's function."""
    shell = firmware(NVME, release=release, memory="512M", options=("-c", "2"), limit=600).ready()
    shell.tell("fs0:xen.efi -cfg=xen.cfg")
    for line in ("Xen version 4", "ACPI: PM-Timer IO Port: 0x608", "Using MCFG for segment 0000",
                 "Platform timer is 3.580MHz ACPI PM Timer", "Brought up 2 CPUs",
                 "PCI add device 0000:01:00.0"):
        shell.sees(line, 120)
    stopped(shell)


@pytest.mark.long
def test_exception(firmware):
    """The firmware says what it was, and stands still until the machine is stopped."""
    shell = firmware(NVME).ready()
    shell.tell("fs0:undef.efi")
    shell.sees(r"X64 Exception Type - 06\(#UD.*RIP +- .*Find image based on IP", 60)
    stopped(shell)


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_flood(release, firmware):
    """Numbers without order for fw_cfg, flash and the reset port: the machine lives, and says little."""
    shell = firmware(NVME, release=release, limit=600).ready()
    shell.tell("fs0:flood.efi")
    shell.sees("lend-flood: over", 400)
    assert len(stopped(shell).err) < LOG_MAX
    assert shell.stats["end"] == "stopped" and shell.stats["pio"] > 100_000


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
