# SPDX-License-Identifier: MIT
"""A guest that knows nothing of devices that come and go: no firmware's tables are read, and no
question is answered. Each plug and each removal ends all the same, by lend's own clock.
"""

import pytest

from bare import Bare, image  # noqa: F401, a fixture among them
from qmp import Qmp, Refused
from test_hotplug import driver_of, hand_to

pytestmark = pytest.mark.profile("two-nvme")

KEPT, COMES = "0000:01:00.0", "0000:02:00.0"
SOCKET = "/run/lend/silent/qmp"


@pytest.fixture
def silent(l1, lend, image):  # noqa: F811
    machine = l1()
    words = [lend, "run", "-m", "128M", "-kernel", image, "-serial", "stdio", "-name", "silent",
             "-ports", "1", "-device", f"vfio-pci,host={KEPT},id=kept,give-up-ms=1500"]
    guest = Bare(machine, words, [KEPT], limit=300).ready()
    return machine, guest, Qmp(machine, SOCKET)


def is_there(guest):
    return guest.value("cfg 01:00.0 0 4") != 0xffffffff


@pytest.mark.long  # the waits are 30 and 60 s
def test_each_wait_ends(silent):
    machine, guest, qmp = silent
    hand_to(machine, COMES, "nvme")
    qmp.execute("device_add", driver="vfio-pci", id="new", host=COMES, managed=True)
    qmp.event("LEND_DEVICE_PLUGGED")
    assert driver_of(machine, COMES) == "vfio-pci"
    for _ in range(2):
        qmp.execute("device_del", id="kept")
        with pytest.raises(Refused, match="asked for .* already"):
            qmp.execute("device_del", id="kept")
        kept = qmp.event("DEVICE_UNPLUG_GUEST_ERROR", 60)
        assert kept["device"] == "kept" and "not answered within 30 s" in kept["reason"]
        assert is_there(guest)
    late = qmp.event("LEND_DEVICE_PLUG_TIMEOUT", 60)
    assert late["id"] == "new" and "not turned it on within 60 s" in late["reason"]
    assert driver_of(machine, COMES) == "nvme"
    # That was its one end, and the port is empty again.
    qmp.execute("device_add", driver="vfio-pci", id="new", host=COMES, managed=True)
    qmp.execute("device_del", id="new", **{"x-force": True})
    assert qmp.event("DEVICE_DELETED")["reason"] == "taken by force"
    assert driver_of(machine, COMES) == "nvme"
    qmp.execute("device_del", id="kept", **{"x-force": True})
    assert qmp.event("DEVICE_DELETED")["device"] == "kept"
    assert not is_there(guest)
    guest.power_off()


def test_the_host_takes_what_the_guest_keeps(silent):
    machine, guest, qmp = silent
    machine.run(f"echo {KEPT} >/sys/bus/pci/drivers/vfio-pci/unbind", check=True, timeout=60)
    assert qmp.event("LEND_HOST_ASKS_BACK")["id"] == "kept"
    assert "not let it go within 1500 ms" in qmp.event("DEVICE_DELETED")["reason"]
    guest.command.expect("given back to the host; the guest has it no more .the guest has not let it go")
    assert not is_there(guest)
    guest.power_off()
