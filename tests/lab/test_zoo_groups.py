# SPDX-License-Identifier: MIT
"""Devices that belong together: a slot of two functions, groups of several,
a group with a bridge in it, several groups in one container."""

import pytest

import zoo as z

OTHERS = "zoo-others"
FIRST, SECOND = 1, 2  # the two functions of a slot
E1000, BRIDGE = "8086:100e", "0000:03:00.0"


def group(l1, address):
    return set(l1.run(f"ls /sys/bus/pci/devices/{address}/iommu_group/devices",
                      check=True).out.split())


def descriptors(machine):
    """What the machine has open of VFIO: containers, and what is in them (groups,
    or the nodes of devices)."""
    out = machine.l1.run(f"readlink /proc/{machine.machine}/fd/*", check=True).out
    names = [n for n in out.splitlines() if n.startswith(("/dev/vfio/", "/dev/iommu"))]
    containers = [n for n in names if n in ("/dev/vfio/vfio", "/dev/iommu")]
    return containers, sorted(set(names) - set(containers))


@pytest.mark.profile(OTHERS)
@pytest.mark.parametrize("mode", [
    pytest.param(m, marks=pytest.mark.zoo("two functions of a slot (nvme)", m))
    for m in ("INTx", "MSI-X")])
def test_slot_of_two(zoo, mode):
    addresses = [zoo.l1.addresses[n] for n in (FIRST, SECOND)]
    assert group(zoo.l1, addresses[0]) == set(addresses)
    with zoo.lent(addresses, mode) as g:
        # They stay in one slot, with their numbers.
        places = [f.guest for f in g.functions]
        assert places == [f"{places[0][:-1]}{n}" for n in (0, 1)]
        for n in (0, 1):
            place = g.ask(f"basename $(readlink /sys/class/nvme/nvme{n}/device)")
            g.disk(f"/dev/nvme{n}n1", zoo.l1.drives[places.index(place)])


@pytest.mark.profile(OTHERS)
@pytest.mark.zoo("e1000 behind a bridge", "INTx")
def test_behind_a_bridge(zoo):
    """Its group has the bridge and others in it, which the guest does not get."""
    addresses = z.find(zoo.l1, E1000)
    assert len(addresses) == 3
    assert group(zoo.l1, addresses[0]) == {BRIDGE, *addresses}
    z.bind(zoo.l1, addresses)
    with zoo.lent(addresses[2:], "INTx") as g:
        g.network(net="10.0.5")


@pytest.mark.profile(OTHERS)
@pytest.mark.zoo("two e1000 of one group", "INTx")
def test_two_of_a_group(zoo):
    """In slots of their own, with a line each."""
    addresses = z.find(zoo.l1, E1000)
    z.bind(zoo.l1, addresses)
    with zoo.lent(addresses[1:], "INTx") as g:
        if not z.ON_QEMU:
            containers, members = descriptors(g.machine)
            assert len(containers) == 1
            assert len(members) == (1 if containers == ["/dev/vfio/vfio"] else 2)
        g.network("eth0", "10.0.4")
        g.network("eth1", "10.0.5")
        assert len(set(g.lines())) == 2


@pytest.mark.profile("zoo-express")
@pytest.mark.zoo("nvme, e1000e, virtio-blk together", "MSI-X")
def test_groups_of_a_container(zoo):
    addresses = [zoo.l1.addresses[n] for n in (0, 1, 6)]
    groups = [group(zoo.l1, a) for a in addresses]
    assert groups == [{a} for a in addresses]
    with zoo.lent(addresses, "MSI-X") as g:
        if not z.ON_QEMU:
            containers, members = descriptors(g.machine)
            assert len(containers) == 1 and len(members) == 3, (containers, members)
        g.disk("/dev/nvme0n1", zoo.l1.drives[0])
        g.disk("/dev/vda", zoo.l1.drives[3])
        g.network()
