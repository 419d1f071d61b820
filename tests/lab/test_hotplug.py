# SPDX-License-Identifier: MIT
"""Devices that come to a guest and go while it runs, by the control socket."""

import pytest

from lab import cache
from qmp import Qmp, Refused

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("hotplug"), pytest.mark.long]

SOCKET = "/run/lend/hot/qmp"
BACKENDS = {"legacy": "off", "iommufd": "on"}
GONE = "while [ -e /sys/block/nvme0n1 ]; do :; done"


def start(machine, boot, **others):
    """A guest without devices, with two ports; and a client of its control socket."""
    guest = boot(machine, devices=(), options=["-name", "hot", "-ports", "2"], limit=300, **others)
    return guest, Qmp(machine, SOCKET)


def driver_of(machine, address):
    return machine.run(f"basename $(readlink /sys/bus/pci/devices/{address}/driver)").out.strip()


def hand_to(machine, address, driver):
    if driver_of(machine, address) != driver:
        machine.run([cache.LAB / "bind", address, driver], check=True)


def left(machine, guest):
    """What the machine's process has: descriptors and maps."""
    pid = guest.machine
    return machine.run(f"ls /proc/{pid}/fd | wc -l; grep -c . /proc/{pid}/maps", check=True).out.split()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_drive_comes_and_goes(l1, boot, sha256, backend):
    machine = l1()
    address = machine.addresses[0]
    guest, qmp = start(machine, boot)
    hand_to(machine, address, "vfio-pci")
    add = {"driver": "vfio-pci", "id": "disk", "host": address, "iommufd": BACKENDS[backend]}
    counts = []
    for i in range(12):  # each takes ten seconds where much else runs
        qmp.execute("device_add", **add)
        assert qmp.event("LEND_DEVICE_PLUGGED")["id"] == "disk"
        assert guest.hash() == sha256(machine.drives[0])
        assert qmp.event("LEND_DEVICE_READY")["id"] == "disk"
        qmp.execute("device_del", id="disk", **({"x-force": True} if i % 2 else {}))
        assert qmp.event("DEVICE_DELETED")["device"] == "disk"
        guest.ask(GONE)
        counts.append(left(machine, guest))
    assert counts[1:] == counts[1:2] * len(counts[1:])
    with pytest.raises(Refused, match="DeviceNotFound"):
        qmp.execute("device_del", id="disk")
    guest.power_off()


def test_a_drive_comes_as_a_descriptor(l1, boot, sha256):
    """With the request itself, and kept for it before."""
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "vfio-pci")
    node = machine.run(f"ls -d /sys/bus/pci/devices/{address}/vfio-dev/*", check=True).out.split("/")[-1]
    node = "/dev/vfio/devices/" + node.strip()
    guest, qmp = start(machine, boot)
    add = {"driver": "vfio-pci", "id": "disk"}

    def comes_and_goes(force):
        assert qmp.event("LEND_DEVICE_PLUGGED") == {"id": "disk", "host": address}
        assert guest.hash() == sha256(machine.drives[0])
        assert qmp.event("LEND_DEVICE_READY")["id"] == "disk"
        qmp.execute("device_del", id="disk", **({"x-force": True} if force else {}))
        gone = qmp.event("DEVICE_DELETED")
        assert gone["x-host"] == address
        assert gone["reason"] == ("taken by force" if force else "the guest let it go")
        guest.ask(GONE)
        # Nobody has it open any more, nor has the client.
        assert machine.run("find /proc/[0-9]*/fd -lname '/dev/vfio/devices/*' 2>/dev/null").out == ""

    for force in (False, True):
        qmp.execute_with(node, "device_add", **add)
        comes_and_goes(force)
    qmp.execute_with(node, "getfd", fdname="drive")
    qmp.execute("device_add", fd="drive", **add)
    comes_and_goes(False)
    number = qmp.execute_with(node, "add-fd")["fdset-id"]
    qmp.execute("device_add", fd=f"/dev/fdset/{number}", **add)
    comes_and_goes(True)
    # What is no device.
    with pytest.raises(Refused, match="GenericError"):
        qmp.execute_with("/dev/null", "device_add", **add)
    assert qmp.execute("query-status")["running"]
    guest.power_off()


def test_a_guest_without_hotplug(l1, boot):
    """It turns nothing on that comes, and answers no question: force is what is left."""
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "vfio-pci")
    guest, qmp = start(machine, boot, append="acpiphp.disable=1")
    qmp.execute("device_add", driver="vfio-pci", id="disk", host=address)
    assert qmp.event("LEND_DEVICE_PLUGGED")["id"] == "disk"
    qmp.execute("device_del", id="disk")
    kept = qmp.event("DEVICE_UNPLUG_GUEST_ERROR")
    assert kept["device"] == "disk" and "not answered within 30 s" in kept["reason"]
    guest.ask("[ ! -e /sys/block/nvme0n1 ]")
    qmp.execute("device_del", id="disk", **{"x-force": True})
    assert qmp.event("DEVICE_DELETED")["reason"] == "taken by force"
    guest.power_off()


def test_a_drive_comes_while_the_guest_boots(l1, boot, sha256):
    """It waits until the guest looks, and it is there after a reboot, too."""
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "vfio-pci")
    guest = boot(machine, devices=(), options=["-name", "hot", "-ports", "1"], wait=False)
    machine.run(f"until [ -S {SOCKET} ]; do :; done", check=True, timeout=60)
    qmp = Qmp(machine, SOCKET)
    while qmp.execute("query-status")["status"] != "running":
        pass
    qmp.execute("device_add", driver="vfio-pci", id="disk", host=address)
    guest.ready()
    assert guest.hash() == sha256(machine.drives[0])
    guest.reboot()
    assert guest.hash() == sha256(machine.drives[0])
    qmp.execute("device_del", id="disk")
    qmp.event("DEVICE_DELETED")
    guest.power_off()


def test_a_drive_of_the_start_comes_back(l1, boot, sha256):
    """Also after a reboot without it: its port has kept the windows that it needs."""
    machine = l1()
    guest = boot(machine, properties=",id=disk", options=["-name", "hot", "-ports", "1,window=1M"])
    qmp = Qmp(machine, SOCKET)
    for reboots in (False, True):
        assert guest.hash() == sha256(machine.drives[0])
        port = guest.ask("basename $(dirname $(readlink -f /sys/block/nvme0n1/device/device))")
        qmp.execute("device_del", id="disk")
        assert qmp.event("DEVICE_DELETED")["device"] == "disk"
        if reboots:
            guest.reboot()
        qmp.execute("device_add", driver="vfio-pci", id="disk", host=machine.addresses[0])
        assert qmp.event("LEND_DEVICE_READY")["id"] == "disk"
        assert guest.hash() == sha256(machine.drives[0])
        assert guest.ask("basename $(dirname $(readlink -f /sys/block/nvme0n1/device/device))") == port
    guest.power_off()


def test_a_managed_drive_is_taken_and_given_back(l1, boot, sha256):
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "nvme")
    guest, qmp = start(machine, boot)
    for force in (False, True):
        qmp.execute("device_add", driver="vfio-pci", id="disk", host=address, managed=True)
        assert driver_of(machine, address) == "vfio-pci"
        assert guest.hash() == sha256(machine.drives[0])
        qmp.execute("device_del", id="disk", **({"x-force": True} if force else {}))
        qmp.event("DEVICE_DELETED")
        assert driver_of(machine, address) == "nvme"
    # The machine's end gives back what it has.
    qmp.execute("device_add", driver="vfio-pci", id="disk", host=address, managed=True)
    guest.power_off()
    assert driver_of(machine, address) == "nvme"
    hand_to(machine, address, "vfio-pci")


def test_a_managed_drive_of_the_command_line_goes_back_when_it_is_removed(l1, boot, sha256):
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "nvme")
    guest = boot(machine, devices=(), options=[
        "-name", "hot", "-ports", "1", "-device", f"vfio-pci,host={address},managed=on,id=disk"])
    qmp = Qmp(machine, SOCKET)
    assert guest.hash() == sha256(machine.drives[0])
    qmp.execute("device_del", id="disk")
    assert qmp.event("DEVICE_DELETED")["device"] == "disk"
    assert driver_of(machine, address) == "nvme"
    qmp.execute("device_add", driver="vfio-pci", id="disk", host=address, managed=True)
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()
    assert driver_of(machine, address) == "nvme"
    hand_to(machine, address, "vfio-pci")


def test_the_host_gets_a_drive_back_that_the_guest_lets_go(l1, boot, sha256):
    machine = l1()
    address = machine.addresses[0]
    hand_to(machine, address, "vfio-pci")
    guest, qmp = start(machine, boot)
    # No force comes in time: what ends is orderly.
    qmp.execute("device_add", driver="vfio-pci", id="disk", host=address, **{"give-up-ms": 600000})
    assert guest.hash() == sha256(machine.drives[0])
    machine.run(f"echo {address} >/sys/bus/pci/drivers/vfio-pci/unbind", check=True, timeout=60)
    assert qmp.event("LEND_HOST_ASKS_BACK")["id"] == "disk"
    assert qmp.event("DEVICE_DELETED")["reason"] == "the guest let it go"
    guest.command.expect("given back to the host; the guest has it no more .the guest let it go.")
    guest.ask(GONE)
    guest.power_off()
    hand_to(machine, address, "vfio-pci")
