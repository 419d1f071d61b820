# SPDX-License-Identifier: MIT
"""Where UEFI firmware places the BARs of many devices, and that a system leaves them there."""

import re

import pytest

from firmware import LINUX, RELEASES, linux_disk
from guest import INIT, Guest
from lab.machine import Profile
from lab.profiles import VIRTIO

pytestmark = pytest.mark.firmware
GIB = 1 << 30
# What Linux says when it moves a BAR or a window, or cannot use one as it is. It gives ports room
# for I/O that the firmware has left without.
MOVED = ("(BAR|bridge window).*"
         "(assigned|releas|no space|failed|can't claim|no compatible|address conflict)")


@pytest.fixture(scope="session")
def profile(tmp_path_factory, kernel, guest_image):
    """A host with four devices behind ports, and one whose BAR is 8 GiB large."""
    path = tmp_path_factory.mktemp("windows") / "disk.img"
    linux_disk(path, kernel("stock"), guest_image(INIT, "stock", ("nvme",)))
    return Profile(
        **LINUX, drives=(str(path),),
        devices=("nvme,serial=lend0,drive=d0", "e1000e,netdev=n0", "qemu-xhci",
                 f"virtio-net-pci,netdev=n1{VIRTIO}", "ivshmem-plain,memdev=m0"),
        qemu_args=("-netdev", "user,id=n0", "-netdev", "user,id=n1", "-object",
                   "memory-backend-memfd,id=m0,size=8G,share=on"))


def resources(guest, pattern):
    """The (start, end) of each resource of the PCI functions whose ids match."""
    found = guest.ask("for d in /sys/bus/pci/devices/*; do echo \"$(cat $d/vendor $d/device | tr '\\n' ' ')"
                      f"$(tr '\\n' ' ' <$d/resource)\"; done | grep -E '^({pattern}) '")
    return [[(int(a, 16), int(b, 16)) for a, b in re.findall(r"(0x\w{16}) (0x\w{16}) 0x\w{16}", line)]
            for line in found.splitlines()]


@pytest.mark.long
@pytest.mark.parametrize("release", RELEASES)
def test_bars_stay_where_the_firmware_put_them(release, firmware):
    """They are in the windows that the system is told, and below a port in the port's own. The
    firmware of Debian 12 chooses the windows by itself, the others are told them."""
    guest = firmware(*range(5), kind=Guest, memory="512M", release=release)
    guest.ready(250)
    assert guest.ask(f"dmesg | grep -E \"{MOVED}\" | grep -v 'window .io ' || :") == ""
    windows = [(int(a, 16), int(b, 16)) for a, b in re.findall(
        r"root bus resource \[mem (0x\w+)-(0x\w+)", guest.ask("dmesg | grep 'root bus resource'"))]
    large, = resources(guest, "0x1af4 0x1110")
    start, end = large[2]
    assert start >= 4 * GIB and end - start + 1 == 8 * GIB and start % (8 * GIB) == 0
    below = [r for ids in ("0x1b36 0x0010", "0x8086 0x10d3", "0x1b36 0x000d", "0x1af4 0x1041")
             for f in resources(guest, ids) for r in f[:6] if r[1] > 0x10000]
    assert len(below) >= 4
    for bar in (*below, (start, end)):
        assert any(a <= bar[0] and bar[1] <= b for a, b in windows), (bar, windows)
    # Each port's windows are set, and have what is behind it.
    ports = [r for f in resources(guest, "0x1b36 0x000c") for r in f[13:16] if r[1]]
    assert all(any(a <= bar[0] and bar[1] <= b for a, b in ports) for bar in below), (below, ports)
    guest.power_off()
