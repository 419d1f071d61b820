# SPDX-License-Identifier: MIT
"""Cures of `lend check` on a real kernel: what refuses an order in between is
not played, but there."""

import json

import pytest

from test_take import NVME, host  # noqa: F401 (a fixture)

SATA, BRIDGE = "0000:00:1f.2", "0000:00:1f.0"


def failed(host, device, topic):
    r = host.l1.run([host._lend, "check", "--json", device])
    return [row for row in json.loads(r.out)["checks"]
            if row["verdict"] == "failed" and row["topic"] == topic]


@pytest.mark.profile("host-plain")
def test_unmount_from_the_top(host):
    """Below each other, of several kinds, and in a namespace of its own."""
    disk = "/dev/$(ls /sys/bus/pci/devices/%s/nvme/*/ | grep -x 'nvme.*n1')" % NVME
    host.sh(f"d={disk} && mkfs.ext4 -q $d && mkdir -p /run/n && mount $d /run/n"
            " && mkdir /run/n/sub && mount -t tmpfs none /run/n/sub && mkdir"
            " '/run/n/sub/a b' && mount --bind /run/n '/run/n/sub/a b' &&"
            " mount $d /run/n/sub")
    pid = host.sh("unshare -m sleep infinity </dev/null >/dev/null 2>&1 & p=$!;"
                  " until [ $(readlink /proc/$p/ns/mnt) !="
                  " $(readlink /proc/self/ns/mnt) ]; do sleep 0.1; done;"
                  " echo $p")
    done = []
    while rows := failed(host, NVME, "in-use"):
        now = rows[0]["text"], rows[0]["command"]
        assert now not in done
        done.append(now)
        host.sh(rows[0]["command"])
    assert any(c.startswith(f"nsenter -m -t {pid} umount") for _, c in done)
    assert host.state(NVME)["state"] == "bindable"
    host.lend("bind", NVME)
    host.lend("unbind", NVME)
    host.sh(f"kill {pid}")


@pytest.mark.profile("nvme-stock")
def test_a_group_with_a_bridge_of_the_computer(host):
    """The chipset's ISA bridge has a driver on many computers."""
    host.sh("modprobe ahci")
    assert host.state(SATA)["state"] == "bindable"
    host.sh("modprobe lpc_ich")
    assert host.driver(BRIDGE) == "lpc_ich"
    assert host.state(SATA)["state"] == "blocked"
    rows = failed(host, SATA, "group")
    assert len(rows) == 1 and "command" not in rows[0]
    assert BRIDGE in rows[0]["text"]
    for words in (["bind", SATA], ["bind", "--siblings", SATA]):
        assert BRIDGE in host.lend(*words, status=1)
        assert host.driver(SATA) == "ahci"
    host.sh("modprobe -r lpc_ich")
    assert host.state(SATA)["state"] == "bindable"
