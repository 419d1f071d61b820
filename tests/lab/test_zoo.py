# SPDX-License-Identifier: MIT
"""The device zoo: each device with the guest's own driver, in each mode that
device and driver have. A cell is a guest of its own."""

import pytest

import zoo as z

EXPRESS, OTHERS, VIRTIO_IOMMU = "zoo-express", "zoo-others", "zoo-virtio-iommu"
# The driver's own test of MSI fails on this card, and it takes the line.
NO_MSI = "the driver's own test of MSI fails on this emulated card and it takes" \
    " the line; not on QEMU either"


def cell(name, mode, profile, at, note="", append="", says=None):
    """Index in the profile, and the mode that has to be in use."""
    iommu = "virtio" if profile == VIRTIO_IOMMU else "intel"
    return pytest.param(
        at, says or mode, append, id=f"{name}-{mode}-{iommu}",
        marks=[pytest.mark.profile(profile),
               pytest.mark.zoo(name, mode, iommu=iommu, note=note)])


def e1000e(profile, at):
    return [cell("e1000e", mode, profile, at, append=f"e1000e.IntMode={n}",
                 note=note, says=says)
            for n, mode, note, says in ((0, "INTx", "", None),
                                        (1, "MSI", NO_MSI, "INTx"),
                                        (2, "MSI-X", "", None))]


# Disks

@pytest.mark.parametrize("at, mode, append", [
    cell("nvme", "INTx", EXPRESS, 0),
    cell("nvme", "MSI-X", EXPRESS, 0),
    cell("nvme", "INTx", VIRTIO_IOMMU, 1),
    cell("nvme", "MSI-X", VIRTIO_IOMMU, 1),
])
def test_nvme(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/nvme0n1", zoo.l1.drives[0])


@pytest.mark.parametrize("at, mode, append", [
    cell("qemu-xhci, usb-storage", "INTx", EXPRESS, 2),
    cell("qemu-xhci, usb-storage", "MSI", EXPRESS, 4),
    cell("qemu-xhci, usb-storage", "MSI-X", EXPRESS, 2),
])
def test_usb_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/sda", zoo.l1.drives[1 if at == 2 else 2])


@pytest.mark.parametrize("at, mode, append", [
    cell("virtio-blk-pci", "INTx", EXPRESS, 6),
    cell("virtio-blk-pci", "MSI-X", EXPRESS, 6),
])
def test_virtio_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/vda", zoo.l1.drives[3])


@pytest.mark.parametrize("at, mode, append", [
    cell("ich9-ahci", "INTx", OTHERS, 3),
    cell("ich9-ahci", "MSI", OTHERS, 3),
])
def test_sata_disk(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/sda", zoo.l1.drives[2])


@pytest.mark.parametrize("at, mode, append", [
    cell("sdhci-pci", "INTx", OTHERS, 7),
])
def test_card(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.disk("/dev/mmcblk0", zoo.l1.drives[3])


# Networks

@pytest.mark.parametrize("at, mode, append", [
    *e1000e(EXPRESS, 1),
    cell("igb", "INTx", OTHERS, 0),
    cell("igb", "MSI-X", OTHERS, 0),
    *e1000e(VIRTIO_IOMMU, 2),
])
def test_network(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.network()


@pytest.mark.parametrize("at, mode, append", [
    cell("virtio-net-pci", "INTx", EXPRESS, 7),
    cell("virtio-net-pci", "MSI-X", EXPRESS, 7),
])
def test_virtio_network(zoo, at, mode, append):
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        g.network(net="10.0.3")


@pytest.mark.profile(OTHERS)
@pytest.mark.zoo("VF of igb", "MSI-X")
def test_virtual_function(zoo):
    """The host keeps the physical function, and its link up."""
    with z.virtual_function(zoo.l1, zoo.l1.addresses[0]) as address:
        with zoo.lent([address], "MSI-X") as g:
            g.network()


# Sound

@pytest.mark.parametrize("at, mode, append", [
    cell("intel-hda", "INTx", OTHERS, 5),
    cell("intel-hda", "MSI", OTHERS, 5),
])
def test_sound(zoo, at, mode, append):
    """Each verb that the driver sends to the codec is answered by an interrupt."""
    with zoo.lent([zoo.l1.addresses[at]], mode, append) as g:
        codec = "/sys/bus/hdaudio/devices/hdaudioC0D0"
        g.ask(f"wait_for {codec}")
        assert g.ask(f"cat {codec}/vendor_id {codec}/type").split() == \
            ["0x1af40022", "0x1"]


# A ROM

@pytest.mark.profile(OTHERS)
@pytest.mark.zoo("secondary-vga, its ROM", "no interrupt")
def test_rom(zoo):
    """The guest reads the ROM through its sysfs as the host does through its own."""
    address = zoo.l1.addresses[9]
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
