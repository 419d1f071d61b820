# SPDX-License-Identifier: MIT
"""The way of a new user (docs/first-device.md): on a host where everything is
wrong, following only what `lend check` prints leads to a running guest."""

import dataclasses
import json
import shlex

import pytest

from lab.profiles import PROFILES

DEVICE, SIBLING = "0000:01:00.0", "0000:01:00.1"
USER = "nobody"
MEMORY = "256"
INIT = """#!/bin/sh
. /lib.sh
guest_start
wait_for /dev/nvme0n1
answer serial $(cat /sys/block/nvme0n1/device/serial)
guest_end
"""


class User:
    """A shell without privilege, whose limit of locked memory is 64 KiB."""

    def __init__(self, machine):
        self.l1, self._count = machine, 0
        self.shell = machine.start(
            ["prlimit", "--memlock=65536:65536", "setpriv", f"--reuid={USER}",
             "--regid=nogroup", "--clear-groups", "--bounding-set=-all", "sh"],
            stdin=True, timeout=200)

    def sh(self, line, timeout=60):
        self._count += 1
        n = self._count
        self.shell.send(f"echo begin-$(({n})); {line}; echo end-$(({n})) $?\n")
        found = self.shell.expect(
            rf"(?s)begin-{n}\n(.*)end-{n} (\d+)\n", timeout)
        return found[1], int(found[2])

    def check(self):
        out, status = self.sh(f"lend check --json -m {MEMORY} {DEVICE}")
        checks = json.loads(out)
        assert checks["passed"] == (status == 0)
        return [r for r in checks["checks"] if r["verdict"] == "failed"]


def make_wrong(machine, lend, *files):
    """Both drives with their driver, one of them mounted twice over."""
    machine.run(
        f"cp {lend} /usr/local/bin/lend && mkdir -m 755 /tmp/guest && "
        f"cp {shlex.join(map(str, files))} /tmp/guest && chmod 600 /dev/kvm && "
        "d=/dev/$(ls /sys/bus/pci/devices/0000:01:00.0/nvme/*/ |"
        " grep -x 'nvme.*n1') && e=/dev/$(ls "
        "/sys/bus/pci/devices/0000:01:00.1/nvme/*/ | grep -x 'nvme.*n1') && "
        "mkfs.ext4 -q $d && mkdir '/mnt/my data' && mount $d '/mnt/my data' && "
        "mkswap $e >/dev/null", check=True)


@pytest.mark.profile("host-newcomer")
def test_from_everything_wrong_to_a_guest(l1, lend, kernel, guest_image):
    profile = PROFILES["host-newcomer"]
    image, initrd = kernel("lab").image, guest_image(INIT)
    cured = []
    user = None
    for _ in range(20):
        if not user:
            machine = l1(profile)
            make_wrong(machine, lend, image, initrd)
            user = User(machine)
        failed = user.check()
        if not failed:
            break
        row = failed[0]
        cured.append(row["topic"])
        if "kernel_argument" in row:
            # A reboot, with the argument that it gives.
            profile = dataclasses.replace(
                profile, append=f"{profile.append} {row['kernel_argument']}")
            user = None
        else:
            machine.run(row["command"], check=True)
    assert failed == []
    # All that was wrong was found, each once; the bind cures group and driver.
    assert cured == ["iommu", "in-use", "group", "node", "memlock"], cured
    out, status = user.sh(
        f"lend run -m {MEMORY} -kernel /tmp/guest/{image.name} -initrd "
        f"/tmp/guest/{initrd.name} -append 'console=ttyS0 quiet loglevel=1' "
        f"-device vfio-pci,host={DEVICE} </dev/null", 90)
    assert status == 0 and "lend-guest: serial lend0" in out, out
    assert machine.run(["lend", "unbind", "--siblings", DEVICE]).ok
