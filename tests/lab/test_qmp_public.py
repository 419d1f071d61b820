# SPDX-License-Identifier: MIT
"""The control socket as Python's public client of QMP uses it: the program of docs/qmp.md as it
stands there, and a device that comes as a descriptor.
"""

import re

import pytest

from lab import cache
from test_endings import ON_BUTTON

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("hotplug"), pytest.mark.long]

SOCKET = "/run/lend/web/qmp"
DESCRIPTOR = """
import asyncio, os, sys
from qemu.qmp import ExecuteError, QMPClient

async def until(events, name):
    while (event := await events.get())["event"] != name:
        pass
    return event["data"]

async def main(path, node, address):
    qmp = QMPClient("descriptor")
    await qmp.connect(path)
    for force in False, True:
        fd = os.open(node, os.O_RDWR)
        qmp.send_fd_scm(fd)
        os.close(fd)
        await qmp.execute("getfd", {"fdname": "device"})
        with qmp.listener() as events:
            await qmp.execute("device_add", {"driver": "vfio-pci", "id": "disk", "fd": "device"})
            assert (await until(events, "LEND_DEVICE_READY"))["host"] == address
            await qmp.execute("device_del", {"id": "disk", "x-force": force})
            assert (await until(events, "DEVICE_DELETED"))["device"] == "disk"
    try:
        await qmp.execute("device_del", {"id": "disk"})
    except ExecuteError as e:
        print(e.error_class)
    await qmp.disconnect()

asyncio.run(main(*sys.argv[1:]))
"""


def run(machine, program, *words):
    machine.put("/run/program.py", program.encode())
    return machine.run(["env", f"PYTHONPATH={cache.qmp()}", "python3", "/run/program.py", *words],
                       check=True, timeout=240).out.splitlines()


def test_the_program_of_the_page(l1, boot):
    page = (cache.ROOT / "docs/qmp.md").read_text()
    [program] = re.findall(r"(?s)```python\n(.*?)```", page)
    assert program.count("\n") <= 30
    machine = l1()
    guest = boot(machine, cpus=2, options=["-name", "web"], limit=300)
    guest.ask(ON_BUTTON)
    assert run(machine, program, SOCKET) == [
        "{'running': True, 'status': 'running'}",
        f"{machine.addresses[0]} is 01:00 in the guest", "guest-shutdown"]
    guest.ended(0)


def test_a_device_comes_as_a_descriptor(l1, boot):
    machine = l1()
    address = machine.addresses[0]
    guest = boot(machine, devices=(), options=["-name", "web", "-ports", "1"], limit=300)
    machine.run([cache.LAB / "bind", address, "vfio-pci"], check=True)
    node = machine.run(f"ls /sys/bus/pci/devices/{address}/vfio-dev", check=True).out.strip()
    assert run(machine, DESCRIPTOR, SOCKET, f"/dev/vfio/devices/{node}", address) == ["DeviceNotFound"]
    guest.power_off()
