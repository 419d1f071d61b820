# SPDX-License-Identifier: MIT
"""Two devices in one guest, at work at the same time."""

import pytest


@pytest.mark.profile("two-nvme")
def test_two_drives(l1, boot, sha256):
    machine = l1()
    guest = boot(machine)
    guest.ask("wait_for /dev/nvme0n1 && wait_for /dev/nvme1n1")
    out = guest.ask("for n in 0 1; do"
                    " { s=$(cat /sys/block/nvme${n}n1/device/serial);"
                    " h=$(diskio hash /dev/nvme${n}n1 --depth 4);"
                    " echo $s $h >/tmp/$n; } & done; wait; cat /tmp/0 /tmp/1")
    got = {line.split()[0]: line.split()[1] for line in out.splitlines()}
    assert got == {f"lend{n}": sha256(machine.drives[n]) for n in (0, 1)}
    guest.power_off()


@pytest.mark.profile("nvme-net")
def test_drive_and_network(l1, boot, sha256):
    machine = l1()
    guest = boot(machine)
    guest.ask("wait_for /sys/class/net/eth0 && ip link set eth0 up && "
              "ip addr add 10.0.2.15/24 dev eth0")
    guest.ask("wait_for /dev/nvme0n1; diskio hash /dev/nvme0n1 >/tmp/h & "
              "until grep -q up /sys/class/net/eth0/operstate; do usleep 20000;"
              " done; ping -c 3 -w 20 10.0.2.2")
    assert guest.ask("wait; cat /tmp/h").split()[0] == sha256(machine.drives[0])
    # The driver's own default: MSI-X, one vector each for receive, send, rest.
    lines = guest.ask("grep eth0 /proc/interrupts").splitlines()
    assert len(lines) == 3 and all("MSIX" in l or "MSI-X" in l for l in lines)
    assert all(int(l.split()[1]) > 0 for l in lines), lines
    guest.power_off()
