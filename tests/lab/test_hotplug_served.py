# SPDX-License-Identifier: MIT
"""A device that a process serves (lend serve nvme) comes to a guest that runs, works, and goes."""

import pytest

from qmp import Refused
from test_hotplug import GONE, left, start

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("hotplug"), pytest.mark.long]

SERVED, IMAGE = "/run/served", "/run/served.img"
MIB = 16


@pytest.fixture
def server(l1, lend):
    machine = l1()
    machine.run(f"head -c {MIB}M /dev/urandom >{IMAGE}", check=True)
    command = machine.start([lend, "serve", "nvme", IMAGE, "-s", SERVED], timeout=600)
    command.expect("listening", 20)
    yield command
    if command.running:
        command.kill()
    command.wait()
    machine.run(f"rm -f {IMAGE} {SERVED}")


def image_hash(machine):
    return machine.run(f"sha256sum <{IMAGE}", check=True).out.split()[0]


def add(qmp):
    qmp.execute("device_add", driver="vfio-user-pci", id="disk", socket={"type": "unix", "path": SERVED})
    assert qmp.event("LEND_DEVICE_PLUGGED")["id"] == "disk"


def test_a_served_drive_comes_and_goes(l1, boot, server):
    machine = l1()
    guest, qmp = start(machine, boot, memory="256M,share=on")
    counts = []
    for turn in range(4):
        force = bool(turn % 2)
        add(qmp)
        assert guest.hash() == image_hash(machine)
        assert qmp.event("LEND_DEVICE_READY")["id"] == "disk"
        guest.ask(f"diskio fill /dev/nvme0n1 --seed {turn} --depth 8 && sync")
        qmp.execute("device_del", id="disk", **({"x-force": True} if force else {}))
        gone = qmp.event("DEVICE_DELETED")
        assert gone["device"] == "disk"
        assert gone["reason"] == ("taken by force" if force else "the guest let it go")
        guest.ask(GONE)
        counts.append(left(machine, guest))
        assert server.running
    assert counts[1:] == counts[1:2] * len(counts[1:])
    guest.power_off()


def test_a_server_ends_under_its_device(l1, boot, server):
    """The guest reads all ones, and the device goes by both ways; a socket without a server is refused."""
    machine = l1()
    guest, qmp = start(machine, boot, memory="256M,share=on")
    add(qmp)
    assert guest.hash() == image_hash(machine)
    server.kill()
    server.wait()
    guest.command.expect("its server is gone", 20)
    assert qmp.event("LEND_DEVICE_ERROR")["id"] == "disk"
    qmp.execute("device_del", id="disk", **{"x-force": True})
    assert qmp.event("DEVICE_DELETED")["device"] == "disk"
    guest.ask(GONE)
    with pytest.raises(Refused, match="no server listens there"):
        qmp.execute("device_add", driver="vfio-user-pci", id="disk", socket=SERVED)
    assert qmp.event("LEND_DEVICE_PLUG_FAILED")["id"] == "disk"
    guest.power_off()
