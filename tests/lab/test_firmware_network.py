# SPDX-License-Identifier: MIT
"""UEFI firmware starts from the network of an assigned card.

Rules: QEMU's user network of the host under test has the server: DHCP that names the UEFI
shell, and TFTP with it. The shell from there has no script, so its prompt is what is
waited for. ROMs are those of iPXE that QEMU brings along.
"""

import re
import struct

import pytest

from firmware import HOST, images, shell, shell_disk
from lab import cache
from lab.machine import Profile
from lab.profiles import VIRTIO

pytestmark = pytest.mark.firmware
NVME, CARD, OWN_ROM, VIRTIO_NET, RNG = range(5)
ROM = ",romfile={}/efi-e1000e.rom"
EFI_IMAGE = 3
# A processor of the host that makes no random numbers.
NO_RDRAND = ("-cpu", "EPYC,+svm,+npt,-rdrand")


def host(folder, qemu_args=()):
    """A host with network cards: one without a ROM, one with an EFI ROM, one of virtio."""
    disk = folder / "disk.img"
    disk.write_bytes(shell_disk("nvme").read_bytes())
    served = folder / "tftp"
    served.mkdir()
    (served / "shell.efi").write_bytes(shell().read_bytes())
    for n in range(3):
        qemu_args += ("-netdev", f"user,id=n{n},tftp={served},bootfile=shell.efi")
    return Profile(
        **HOST, drives=(str(disk),), qemu_args=qemu_args,
        devices=("nvme,serial=lend0,drive=d0", "e1000e,netdev=n0",
                 "e1000e,netdev=n1,romfile=efi-e1000e.rom",
                 f"virtio-net-pci,netdev=n2{VIRTIO}", f"virtio-rng-pci{VIRTIO}"))


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    return host(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="session")
def without_random_numbers(tmp_path_factory):
    return host(tmp_path_factory.mktemp("network"), NO_RDRAND)


def roms():
    return cache.newer_qemu().parent / "root/usr/share/qemu"


def filled(properties):
    """With the folder of the ROMs, which are in the lab's cache."""
    return properties.format(roms())


def efi_ids(rom):
    """(vendor, device) of each image for UEFI (PCI Firmware 3.3, 5.1.2)."""
    found, at = [], 0
    while rom[at:at + 2] == b"\x55\xaa":
        pcir = at + int.from_bytes(rom[at + 0x18:at + 0x1a], "little")
        vendor, device, blocks, kind, last = struct.unpack_from("<HH8xH2xBB", rom, pcir + 4)
        if kind == EFI_IMAGE:
            found.append((vendor, device))
        if last & 0x80:
            break
        at += blocks * 512
    return found


def test_roms_that_check_names():
    """They are there, and are for the devices for which they are named."""
    table = re.findall(r'{0x(\w{4}), 0x(\w{4}), "(\S+\.rom)"}',
                       (cache.ROOT / "tool/check_firmware.c").read_text())
    assert len(table) >= 6
    for vendor, device, name in table:
        assert efi_ids((roms() / name).read_bytes()) == [(int(vendor, 16), int(device, 16))], name


def network_options(shell):
    """How many of the firmware's boot options are a network's (PXE over IPv4)."""
    return len(re.findall("Desc *- .*PXEv4", shell.ask("bcfg boot dump")))


@pytest.mark.long
@pytest.mark.parametrize("device,properties", [
    (CARD, ROM), (OWN_ROM, ""), (VIRTIO_NET, "")], ids=["romfile", "own", "virtio"])
def test_start_from_the_network(device, properties, firmware):
    booted = firmware(device, properties=[filled(properties)])
    booted.command.expect("NBP file downloaded successfully", 150)
    booted.started()
    booted.command.expect("Shell> ", 60)
    assert "fs0" not in booted.ask("map").lower()
    booted.power_off()
    # The firmware reads a ROM of 256 KiB by 65,536 reads, and none of them is an exit: there are as many
    # without it (test_firmware_counts.py).
    assert booted.stats["mmio"] <= 1000


@pytest.mark.long
@pytest.mark.parametrize("device,properties", [(OWN_ROM, ",rombar=0"), (CARD, "")], ids=["rombar", "none"])
def test_no_network_without_a_rom(device, properties, firmware):
    booted = firmware(NVME, device, properties=["", properties]).ready()
    assert network_options(booted) == 0
    booted.power_off()


@pytest.mark.long
@pytest.mark.parametrize("devices,found", [((CARD,), 0), ((CARD, RNG), 1)],
                         ids=["none", "virtio-rng"])
def test_the_network_needs_random_numbers(devices, found, firmware, without_random_numbers):
    """Without RDRAND and without such a device the firmware offers no start from the network."""
    booted = firmware(NVME, *devices, properties=["", filled(ROM), ""],
                      host=without_random_numbers).ready()
    assert network_options(booted) == found
    booted.power_off()


@pytest.mark.long
def test_check_says_what_the_network_needs(l1, lend, profile, without_random_numbers):
    """What the tests above show, said beforehand."""
    def check(machine, *devices):
        code = images("trixie") / "OVMF/OVMF_CODE_4M.fd"
        addresses = " ".join(machine.addresses[d] for d in devices)
        return machine.run(f"{lend} check -m 256M -firmware {code} {addresses}").out

    machine = l1(without_random_numbers)
    assert re.search(r"the processor makes no random numbers \(RDRAND\)", check(machine, CARD))
    assert "random" not in check(machine, CARD, RNG)
    assert "random" not in check(machine, NVME)
    machine = l1(profile)
    said = check(machine, CARD)
    assert "random" not in said
    assert "a network card without a ROM, which would have its driver" in said
    assert "romfile=/usr/lib/ipxe/qemu/efi-e1000e.rom, of the package ipxe-qemu" in said
    assert "whether its ROM has a driver for UEFI is seen when" in check(machine, OWN_ROM)
    assert "ROM" not in check(machine, VIRTIO_NET)
