# SPDX-License-Identifier: MIT
"""Starts in turn with another monitor, on a host with two processors: whatever
one left behind, the next guest comes up (docs/lab.md, A guest that does not
come up)."""

import pytest

from bench.monitors import commands
from lab import cache

import guest as guests

TURNS = 3


@pytest.mark.profile("nvme-smp")
@pytest.mark.xdist_group("kernels")
def test_in_turn_with_another_monitor(l1, boot, kernel, guest_image):
    machine = l1()
    other = commands(cache.backports_qemu(), kernel("lab").image,
                     guest_image(guests.INIT))["microvm"]
    for _ in range(TURNS):
        boot(machine, memory="512M").power_off()
        command = machine.start(other, stdin=True)
        command.expect("lend-guest: ready", 90)
        command.kill(9, "cgroup")
        command.wait()
    boot(machine, memory="512M").power_off()
