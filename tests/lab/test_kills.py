# SPDX-License-Identifier: MIT
"""kill -9 of either process: the terminal is sane, the device is at once free
for the next one, and holds its data."""

import re

import pytest

from lab import cache

pytestmark = [pytest.mark.profile("nvme"), pytest.mark.xdist_group("kills")]

# At a terminal: its settings before and after, and the status in between.
AT_TERMINAL = "stty -g; {0}; echo status $?; stty -g"
SETTINGS = r"(?m)^[0-9a-f]+(?::[0-9a-f]+){10,}"

KILL = {"machine": "kill -9 $(pgrep -x lend-machine)",
        "keeper": "kill -9 $(pgrep -x lend)"}


def kill(machine, which):
    machine.run(KILL[which], check=True)


@pytest.mark.parametrize("which", ["machine", "keeper"])
def test_terminal_is_as_before(which, l1, boot):
    machine = l1()
    guest = boot(machine, pty=True, wrap=AT_TERMINAL)
    during = machine.run("stty -g <$(readlink /proc/$(pgrep -x lend)/fd/0)",
                         check=True).out.strip()
    kill(machine, which)
    status = int(guest.command.expect(r"status (\d+)")[1])
    assert status == {"machine": 1, "keeper": 128 + 9}[which]
    if which == "machine":
        assert "killed by signal 9" in guest.out
    # The shell's stty races with the guard of the terminal when the keeper is
    # killed; what counts is what is there when the last of lend has gone.
    machine.run("while pgrep '^lend'; do :; done", check=True, timeout=20)
    guest.command.wait(20)
    settings = re.findall(SETTINGS, guest.out)
    assert len(settings) == 2 and during != settings[0]
    if which == "machine":
        assert settings[1] == settings[0]
    guest.nothing_left()


def test_terminal_after_the_keeper(l1, boot):
    """As a shell sees it that waits for its next line."""
    machine = l1()
    guest = boot(machine, pty=True,
                 wrap="stty -g; {0}; read -r line; stty -g")
    kill(machine, "keeper")
    machine.run("while pgrep '^lend'; do :; done", check=True, timeout=20)
    guest.command.send("\n")
    guest.command.wait(20)
    before, after = re.findall(SETTINGS, guest.out)
    assert before == after
    guest.nothing_left()


@pytest.mark.parametrize("which", ["machine", "keeper"])
def test_device_is_free_at_once(which, l1, boot, sha256):
    """A shell runs lend a second time as soon as the first time is over."""
    machine = l1()
    guest = boot(machine, wrap="{0}; echo status $?; exec {0}")
    guest.ask("wait_for /dev/nvme0n1")
    # Reads without end, by one process: what the drive has served grows until the very end.
    guest.tell("diskio read /dev/nvme0n1 -n 1000000000 --depth 8")
    start = guest.drive_reads()
    while guest.drive_reads() < start + 50:
        assert guest.command.running
    kill(machine, which)
    assert guest.drive_reads() > start + 50, "no request was in flight"
    guest.command.expect("status (1|137)\n")
    guest.ready()
    assert guest.hash() == sha256(machine.drives[0])
    guest.power_off()


@pytest.mark.parametrize("which", ["machine", "keeper"])
def test_driver_of_the_host_finds_the_data(which, l1, boot, sha256):
    machine = l1()
    address = machine.addresses[0]
    guest = boot(machine)
    seed = {"machine": 30, "keeper": 31}[which]
    guest.ask("wait_for /dev/nvme0n1 && "
              f"diskio fill /dev/nvme0n1 --seed {seed} --depth 8")
    written = guest.hash()
    bind = cache.LAB / "bind"
    out = machine.run(f"{KILL[which]}; {bind} {address} nvme && "
                      "until [ -b /dev/nvme0n1 ]; do :; done && "
                      "sha256sum /dev/nvme0n1", check=True).out
    guest.command.wait(20)
    machine.run([bind, address, "vfio-pci"], check=True)
    assert out.split()[0] == written == sha256(machine.drives[0])
    guest.nothing_left()
