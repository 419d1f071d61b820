# SPDX-License-Identifier: MIT
"""The guest reaches all 4 KiB of an Express device's config space."""

import re

import pytest

pytestmark = pytest.mark.profile("nvme-net")
AER, SERIAL_NUMBER = 0x0001, 0x0003


def capabilities(config):
    """{id: bytes from its header on} of the extended ones."""
    found, at = {}, 0x100
    while at:
        header = int.from_bytes(config[at:at + 4], "little")
        found[header & 0xffff] = config[at:]
        at = header >> 20
    return found


def read_config(run, path):
    return bytes.fromhex(re.sub(r"\s", "", run(
        f"od -An -v -tx1 {path} | tr -d ' \\n'; echo")))


def test_extended_config_space(l1, boot):
    machine = l1()
    address = machine.addresses[1]
    host = capabilities(read_config(
        lambda line: machine.run(line, check=True).out,
        f"/sys/bus/pci/devices/{address}/config"))
    guest = boot(machine)
    guest.ask("wait_for /sys/class/net/eth0")
    config = read_config(guest.ask, "/sys/class/net/eth0/device/config")
    guest.power_off()

    assert len(config) == 4096
    assert config[:4] == bytes.fromhex("8680d310"), "an 82574L"
    seen = capabilities(config)
    assert sorted(host) == sorted(seen) == [AER, SERIAL_NUMBER]
    assert seen[AER][:2] == host[AER][:2]
    # id, version and the number itself; the last one on both sides
    assert seen[SERIAL_NUMBER][:12] == host[SERIAL_NUMBER][:12]
    assert seen[SERIAL_NUMBER][4:12] == bytes.fromhex("563412ffff005452")
