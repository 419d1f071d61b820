# SPDX-License-Identifier: MIT
"""The way of a new user (docs/first-device.md): on hosts where everything is
wrong, following only what `lend check` prints leads to a running guest."""

import dataclasses
import json
import re
import shlex

import pytest

from lab.profiles import PROFILES

DEVICE, SIBLING, PORT = "0000:01:00.0", "0000:01:00.1", "0000:00:18.0"
CARD = "0000:02:00.0"
USER = "nobody"
MEMORY = "256"
INIT = """#!/bin/sh
. /lib.sh
guest_start
answer classes $(cat /sys/bus/pci/devices/*/class)
! grep -q 0x0108 /sys/bus/pci/devices/*/class || wait_for /dev/nvme0n1
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

    def check(self, device):
        out, status = self.sh(f"lend check --json -m {MEMORY} {device}")
        checks = json.loads(out)
        assert checks["passed"] == (status == 0)
        return failed(checks)


def failed(checks):
    return [r for r in checks["checks"] if r["verdict"] == "failed"]


class Way:
    """From a host that is wrong to one where the check of a device passes."""

    def __init__(self, l1, lend, guest, device, make_wrong):
        self._l1, self._guest = l1, guest
        self._lend, self._device, self._make_wrong = lend, device, make_wrong
        self.user = None

    def _boot(self, profile):
        self.machine = self._l1(profile)
        self.machine.run(
            f"cp {self._lend} /usr/local/bin/lend && mkdir -m 755 /tmp/guest && "
            f"cp {shlex.join(map(str, self._guest))} /tmp/guest && "
            f"chmod 600 /dev/kvm && {self._make_wrong}", check=True)
        self.user = User(self.machine)

    def _word(self):
        out = self.machine.run(["lend", "ls", "--json", self._device], check=True).out
        return json.loads(out)[0]["state"]

    def _as_root(self, row):
        """What root is told of the same topic."""
        r = self.machine.run(["lend", "check", "--json", self._device])
        return next(f for f in failed(json.loads(r.out))
                    if f["topic"] == row["topic"])

    def go(self, profile):
        """Follows the cures from the top: the word of lend ls before each, and
        the topic that it cures."""
        steps, done = [], []
        for _ in range(20):
            if not self.user:
                self._boot(profile)
            rows = self.user.check(self._device)
            if not rows:
                return steps, self._word()
            row = rows[0]
            assert row not in done, f"{row} comes again"
            done.append(row)
            steps.append((self._word(), row["topic"]))
            taken = re.match(r"take (\S+) away from the kernel's command line",
                             row.get("advice", ""))
            words = profile.append.split()
            if taken:
                words.remove(taken[1])
            if "kernel_argument" in row:
                words.append(row["kernel_argument"])
            if taken or "kernel_argument" in row:
                # A reboot, with the arguments that it says.
                profile = dataclasses.replace(profile, append=" ".join(words))
                self.user = None
                continue
            if "call lend check as root" in row.get("advice", ""):
                row = self._as_root(row)
            self.machine.run(row["command"], check=True)
        raise AssertionError(f"the cures do not end: {done}")

    def run(self, *devices):
        """What a guest says that has the devices."""
        image, initrd = self._guest
        out, status = self.user.sh(
            f"lend run -m {MEMORY} -kernel /tmp/guest/{image.name} -initrd "
            f"/tmp/guest/{initrd.name} -append 'console=ttyS0 quiet loglevel=1' "
            + " ".join(f"-device vfio-pci,host={d}" for d in devices)
            + " </dev/null", 90)
        assert status == 0, out
        return out


@pytest.fixture
def way(l1, lend, kernel, guest_image):
    files = kernel("lab").image, guest_image(INIT)
    return lambda device, wrong: Way(l1, lend, files, device, wrong)


# Both drives with their driver, one of them mounted.
MOUNTED = (
    "d=/dev/$(ls /sys/bus/pci/devices/0000:01:00.0/nvme/*/ |"
    " grep -x 'nvme.*n1') && e=/dev/$(ls "
    "/sys/bus/pci/devices/0000:01:00.1/nvme/*/ | grep -x 'nvme.*n1') && "
    "mkfs.ext4 -q $d && mkdir '/mnt/my data' && mount $d '/mnt/my data' && "
    "mkswap $e >/dev/null")
# All that is wrong there, each once; the bind cures group and driver.
DRIVES = [("no-iommu", "iommu"), ("busy", "in-use"), ("shared", "group"),
          ("ready", "node"), ("ready", "memlock")]


@pytest.mark.profile("host-newcomer")
def test_from_everything_wrong_to_a_guest(way):
    way = way(DEVICE, MOUNTED)
    assert way.go(PROFILES["host-newcomer"]) == (DRIVES, "ready")
    assert "lend-guest: serial lend0" in way.run(DEVICE)
    assert way.machine.run(["lend", "unbind", "--siblings", DEVICE]).ok


@pytest.mark.profile("host-newcomer-amd")
def test_an_iommu_of_amd_that_is_switched_off(way):
    way = way(DEVICE, MOUNTED)
    assert way.go(PROFILES["host-newcomer-amd"]) == (DRIVES, "ready")
    assert way.machine.run("ls /sys/class/iommu").out == "ivhd0\n"
    assert "lend-guest: serial lend0" in way.run(DEVICE)
    assert way.machine.run(["lend", "unbind", "--siblings", DEVICE]).ok


@pytest.mark.profile("host-graphics")
def test_graphics_with_sound_and_the_port_above(way):
    way = way(DEVICE, "modprobe bochs && modprobe snd_hda_intel")
    assert way.go(PROFILES["host-graphics"]) == (
        [("shared", "group"), ("ready", "node"), ("ready", "memlock")], "ready")
    members = way.machine.run(
        f"ls /sys/bus/pci/devices/{DEVICE}/iommu_group/devices").out.split()
    assert set(members) == {PORT, DEVICE, SIBLING}
    assert way.user.check(f"{DEVICE} {SIBLING}") == []
    driver = "basename $(readlink /sys/bus/pci/devices/%s/driver)"
    assert way.machine.run(driver % PORT).out == "pcieport\n"
    classes = way.run(DEVICE, SIBLING)
    assert "0x038000" in classes and "0x040300" in classes
    assert way.machine.run(["lend", "unbind", "--siblings", DEVICE]).ok
    assert way.machine.run(driver % SIBLING).out == "snd_hda_intel\n"


@pytest.mark.profile("host-plain")
def test_a_card_that_a_container_has(way):
    """With an address there, and a process; root is told whose it is."""
    way = way(CARD, "ip netns add box && ip link set eth0 netns box && "
              "ip -n box addr add 10.9.9.1/24 dev eth0 && "
              "{ ip netns exec box sleep infinity </dev/null >/dev/null 2>&1 & }")
    assert way.go(PROFILES["host-plain"]) == (
        [("busy", "in-use"), ("bindable", "driver"), ("ready", "node"),
         ("ready", "memlock")], "ready")
    assert "0x020000" in way.run(CARD)
    assert way.machine.run(["lend", "unbind", CARD]).ok
    way.machine.run("kill $(ip netns pids box) && ip netns del box", check=True)
