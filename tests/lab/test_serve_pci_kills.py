# SPDX-License-Identifier: MIT
"""`lend serve pci` killed at any of its system calls, and under the guest's I/O: the drive
is quiet then, and the host's own driver finds its data."""

import random
import signal

import pytest

import zoo as z
from lab.command import CommandFailed

pytestmark = pytest.mark.profile("nvme")
SOCKET = "/tmp/lend-pci-kill.sock"
SEED = 12
# More system calls than a server makes until the guest reads the drive.
NEVER = 60000
# A server under strace that maps a guest's memory answers late on a busy computer.
ANSWER_MS = 60000
# So many reads later, it is killed if it still lives.
READS = 50
# Of the command register: the device may do DMA.
MASTER = 4

INIT = """#!/bin/sh
. /lib.sh
guest_start
wait_for /dev/nvme0n1
while diskio hash /dev/nvme0n1 --depth 8 >/dev/null; do :; done
guest_end
"""


def points(count):
    """The system call that each server is killed at: small and large numbers alike."""
    chosen = random.Random(SEED)
    return [NEVER] + [int(10 ** chosen.uniform(0, 3.5)) for _ in range(count - 1)]


def is_master(machine, address):
    out = machine.run(f"od -An -tu1 -j4 -N1 /sys/bus/pci/devices/{address}/config", check=True).out
    return bool(int(out) & MASTER)


def client(server, machine, boot):
    """A guest on the server; None: that was killed before it could have one."""
    try:
        server.expect("listening at", 60)
    except CommandFailed:
        assert not server.running
        return None
    return boot(machine, devices=[], init=INIT, wait=False,
                options=["-device", f"vfio-user-pci,socket={SOCKET},x-msg-timeout={ANSWER_MS}"])


def serve_until(call, machine, lend, boot, address):
    """A server until its end, and that of its guest, which has the device as long as it
    maps its BARs. Returns where the server was."""
    server = machine.start(
        ["strace", "-qq", "-o", "/dev/null", "-e", "trace=all",
         "-e", f"inject=all:signal=SIGKILL:when={call}",
         lend, "serve", "pci", address, "-s", SOCKET], timeout=200)
    made = client(server, machine, boot)
    where = "with a client" if made else "setting up"
    start = made.drive_reads() if made else 0
    while server.running:
        if not made.command.running:  # the server ends, too, or something else is wrong
            assert not server.wait(60).timed_out, made.command.err
            break
        if made.drive_reads() >= start + READS:
            where = "under I/O"
            assert is_master(machine, address)
            server.kill(signal.SIGKILL, "cgroup")
            server.wait()
    assert server.wait().signal == signal.SIGKILL
    if made:
        made.command.kill(signal.SIGKILL, "cgroup")
        made.command.wait()
        made.no_warnings()
    z.let_go(machine, address)
    return where


def test_killed_anywhere(l1, lend, boot, times, sha256):
    machine = l1()
    address, drive = machine.addresses[0], machine.drives[0]
    before = sha256(drive)
    seen = set()
    for call in points(times(50)):
        z.bind(machine, [address])
        where = serve_until(call, machine, lend, boot, address)
        assert not is_master(machine, address), f"killed at call {call}, {where}"
        z.bind(machine, [address], "nvme")
        found = machine.run("until [ -b /dev/nvme0n1 ]; do :; done; sha256sum /dev/nvme0n1",
                            check=True, timeout=60).out
        assert found.split()[0] == before == sha256(drive), f"killed at call {call}, {where}"
        seen.add(where)
    assert seen == {"setting up", "with a client", "under I/O"}
