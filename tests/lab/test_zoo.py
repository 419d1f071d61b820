# SPDX-License-Identifier: MIT
"""The device zoo: each device with the guest's own driver, in each mode that
device and driver have. A cell is a guest of its own."""

from typing import NamedTuple

import pytest

import zoo as z
from zoo_served import CLIENTS, LEND, QEMU

EXPRESS, OTHERS, VIRTIO_IOMMU = "zoo-express", "zoo-others", "zoo-virtio-iommu"
# The driver's own test of MSI fails on this card, and it takes the line.
NO_MSI = "the driver's own test of MSI fails on this emulated card and it takes" \
    " the line; not on QEMU either"


# Cells with a server in between that each check has. The other ones are long.
CHECKED = {("nvme", "INTx", QEMU), ("nvme", "MSI-X", QEMU), ("nvme", "MSI-X", LEND),
           ("e1000e", "INTx", LEND), ("e1000e", "MSI-X", QEMU), ("VF of igb", "MSI-X", QEMU)}


class Row(NamedTuple):
    """Index in the profile, and the mode that has to be in use."""
    name: str
    mode: str
    profile: str
    at: int
    note: str = ""
    append: str = ""
    says: str = ""


def cell(row, client=None):
    iommu = "virtio" if row.profile == VIRTIO_IOMMU else "intel"
    marks = [pytest.mark.profile(row.profile),
             pytest.mark.zoo(row.name, row.mode, iommu=iommu, note=row.note, client=client)]
    if client and (row.name, row.mode, client) not in CHECKED:
        marks.append(pytest.mark.long)
    name = "-".join([row.name, row.mode, iommu] + ([f"served to {client}"] if client else []))
    return pytest.param(row.at, row.says or row.mode, row.append, id=name, marks=marks)


def cells(*rows):
    """Each row: assigned to the guest, and served to it by each of the clients."""
    found = [cell(row) for row in rows]
    if not z.ON_QEMU:
        found += [cell(row, client) for row in rows if row.profile != VIRTIO_IOMMU
                  for client in CLIENTS]
    return pytest.mark.parametrize("at, mode, append", found)


def e1000e(profile, at):
    return [Row("e1000e", mode, profile, at, note, f"e1000e.IntMode={n}", says)
            for n, mode, note, says in ((0, "INTx", "", ""),
                                        (1, "MSI", NO_MSI, "INTx"),
                                        (2, "MSI-X", "", ""))]


# Disks

@cells(
    Row("nvme", "INTx", EXPRESS, 0),
    Row("nvme", "MSI-X", EXPRESS, 0),
    Row("nvme", "INTx", VIRTIO_IOMMU, 1),
    Row("nvme", "MSI-X", VIRTIO_IOMMU, 1),
)
def test_nvme(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/nvme0n1", zoo.l1.drives[0])


@cells(
    Row("qemu-xhci, usb-storage", "INTx", EXPRESS, 2),
    Row("qemu-xhci, usb-storage", "MSI", EXPRESS, 4),
    Row("qemu-xhci, usb-storage", "MSI-X", EXPRESS, 2),
)
def test_usb_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/sda", zoo.l1.drives[1 if at == 2 else 2])


@cells(
    Row("virtio-blk-pci", "INTx", EXPRESS, 6),
    Row("virtio-blk-pci", "MSI-X", EXPRESS, 6),
)
def test_virtio_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/vda", zoo.l1.drives[3])


@cells(
    Row("ich9-ahci", "INTx", OTHERS, 3),
    Row("ich9-ahci", "MSI", OTHERS, 3),
)
def test_sata_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/sda", zoo.l1.drives[2])


@cells(
    Row("sdhci-pci", "INTx", OTHERS, 7),
)
def test_card(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/mmcblk0", zoo.l1.drives[3])


# Networks

@cells(
    *e1000e(EXPRESS, 1),
    Row("igb", "INTx", OTHERS, 0),
    Row("igb", "MSI-X", OTHERS, 0),
    *e1000e(VIRTIO_IOMMU, 2),
)
def test_network(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.network()


@cells(
    Row("virtio-net-pci", "INTx", EXPRESS, 7),
    Row("virtio-net-pci", "MSI-X", EXPRESS, 7),
)
def test_virtio_network(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.network(net="10.0.3")


@cells(Row("VF of igb", "MSI-X", OTHERS, 0))
def test_virtual_function(zoo, at, mode, append):
    """The host keeps the physical function, and its link up."""
    with z.virtual_function(zoo.l1, zoo.l1.addresses[at]) as address:
        with zoo.lent([address], mode, append) as g:
            g.network()


# Sound

@cells(
    Row("intel-hda", "INTx", OTHERS, 5),
    Row("intel-hda", "MSI", OTHERS, 5),
)
def test_sound(zoo, at, mode, append):
    """Each verb that the driver sends to the codec is answered by an interrupt."""
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        codec = "/sys/bus/hdaudio/devices/hdaudioC0D0"
        g.ask(f"wait_for {codec}")
        assert g.ask(f"cat {codec}/vendor_id {codec}/type").split() == \
            ["0x1af40022", "0x1"]


# A ROM

@cells(Row("secondary-vga, its ROM", "no interrupt", OTHERS, 9))
def test_rom(zoo, at, mode, append):
    """The guest reads the ROM through its sysfs as the host does through its own."""
    address = zoo.l1.addresses[at]
    z.bind(zoo.l1, [address])
    rom = f"/sys/bus/pci/devices/{address}/rom"
    has = zoo.l1.run(f"echo 1 >{rom}; sha256sum <{rom}; wc -c <{rom}; echo 0 >{rom}",
                     check=True).out.split()
    with zoo.lent([address], None) as g:
        at = f"/sys/bus/pci/devices/{g.functions[0].guest}"
        rom = f"{at}/rom"
        # No driver of the guest turns its memory decode on.
        seen = g.ask(f"echo 1 >{at}/enable && echo 1 >{rom} && sha256sum <{rom} && wc -c <{rom}").split()
    assert has[0] == seen[0] and int(seen[2]) >= 32 << 10
