# SPDX-License-Identifier: MIT
"""The control socket of a machine that runs, driven as public clients do."""

import json

import pytest

from lab import cache
from qmp import Qmp, Refused
from test_endings import ON_BUTTON

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("qmp")]

SOCKET = "/run/lend/lab/qmp"


def devices_of(buses):
    for bus in buses:
        for device in bus["devices"]:
            yield device
            yield from device.get("pci_bridge", {}).get("devices", [])


def test_a_client_drives_a_machine(l1, boot, lend):
    machine = l1()
    guest = boot(machine, options=["-name", "lab"])
    assert machine.run(["stat", "-c", "%a", "/run/lend/lab", SOCKET], check=True).out.split() \
        == ["700", "600"]
    entry = json.loads(machine.run([lend, "ps", "--json"], check=True).out)[0]
    assert entry["name"] == "lab" and entry["qmp"] == SOCKET and entry["pid"] == guest.keeper
    assert entry["devices"] == machine.addresses

    second = machine.run([lend, "run", "-name", "lab", "-kernel", "/dev/null"])
    assert second.status == 1 and "'lab' runs already" in second.err
    assert second.err.count("\n") == 1

    qmp = Qmp(machine, SOCKET)
    assert qmp.execute("query-status") == {"running": True, "status": "running"}
    assert qmp.execute("query-name") == {"name": "lab"}
    [cpu] = qmp.execute("query-cpus-fast")
    comm = machine.run(f"cat /proc/{guest.machine}/task/{cpu['thread-id']}/comm", check=True)
    assert comm.out.strip() == "lend-vcpu0"
    with pytest.raises(Refused, match="CommandNotFound: .*nearest is 'query-status'"):
        qmp.execute("query-statsu")

    # As the guest has numbered and placed it.
    [device] = [d for d in devices_of(qmp.execute("query-pci")) if "x-host" in d]
    assert device["x-host"] == device["qdev_id"] == machine.addresses[0]
    there = f"0000:{device['bus']:02x}:{device['slot']:02x}.{device['function']}"
    assert there in guest.ask("ls /sys/bus/pci/devices").split()
    assert device["bus"] > 0 and device["id"]["vendor"] == int(
        guest.ask(f"cat /sys/bus/pci/devices/{there}/vendor"), 16)
    bar = int(guest.ask(f"head -1 /sys/bus/pci/devices/{there}/resource").split()[0], 16)
    assert device["regions"][0]["address"] == bar

    lines = qmp.execute("x-lend-counters")
    assert any(line.startswith("processor 0: ") for line in lines)
    assert any(machine.addresses[0] in line for line in qmp.execute("x-lend-explain"))

    # Nothing is answered in a pause, and all of it after.
    qmp.execute("stop")
    qmp.event("STOP")
    assert qmp.execute("query-status")["status"] == "paused"
    guest.tell("echo awake")
    machine.run("sleep 1", check=True)
    assert "awake" not in guest.out
    qmp.execute("cont")
    qmp.event("RESUME")
    assert guest.told() == ("awake", 0)

    qmp.execute("system_reset")
    assert qmp.event("RESET") == {"guest": False, "reason": "host-qmp-system-reset"}
    guest.ready()

    guest.ask(ON_BUTTON)
    qmp.execute("system_powerdown")
    qmp.event("POWERDOWN")
    assert qmp.event("SHUTDOWN") == {"guest": True, "reason": "guest-shutdown"}
    guest.ended(0)
    qmp.ended()
    assert machine.run(["test", "-e", "/run/lend/lab"]).status == 1


def test_lend_ctl(l1, boot, lend):
    machine = l1()
    guest = boot(machine, devices=[], options=["-name", "lab"])
    status = machine.run([lend, "ctl", "lab", "status"], check=True).out
    assert "running" in status and "lab" in status
    machine.run([lend, "ctl", "lab", "stop"], check=True)
    assert "paused" in machine.run([lend, "ctl", "lab", "status"], check=True).out
    machine.run([lend, "ctl", "lab", "cont"], check=True)
    assert guest.ask("echo awake") == "awake"
    machine.run([lend, "ctl", "lab", "quit"], check=True)
    guest.ended(0)
    assert guest.stats["end"] == "stopped"


def test_what_the_check_says_is_the_reply(l1, boot):
    """A device that no driver has, and that is not to be taken."""
    machine = l1()
    [address] = machine.addresses
    machine.run(f"echo {address} >/sys/bus/pci/devices/{address}/driver/unbind")
    guest = boot(machine, devices=[], options=["-name", "lab", "-ports", "1"])
    qmp = Qmp(machine, SOCKET)
    with pytest.raises(Refused, match=f"GenericError: {address}"):
        qmp.execute("device_add", driver="vfio-pci", host=address)
    assert qmp.event("LEND_DEVICE_PLUG_FAILED")["id"] == address
    qmp.execute("quit")
    guest.ended(0)
    machine.run([cache.LAB / "bind", address, "vfio-pci"], check=True)
