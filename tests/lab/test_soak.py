# SPDX-License-Identifier: MIT
"""What is done very often with a device in a guest: nothing is lost, nothing grows.

In each check a few of each, with --long as many as docs/reliability.md says.
"""

import re
import shlex

import pytest

from bare import (  # noqa: F401, fixtures among them
    EDU, GUEST_ID, IVSHMEM, TESTDEV, VECTORS, bare, image, machine, peer, slot,
)
from guest import LEFT
from lab import cache
from test_bare_storm import holds, is_as_before

pytestmark = pytest.mark.profile("bare")

# What the host has after a cycle: open files, KiB of what is available and of the kernel's own memory, processes that are
# not the kernel's, KVM machines. Free pages on the processors' own lists, which the kernel fills when it likes, are available too.
CYCLES = """for d in {devices}; do
	[ "$(basename "$(readlink /sys/bus/pci/devices/$d/driver)")" = vfio-pci ] || {bind} $d vfio-pci || exit
done
n=0
while [ $n -lt {count} ]; do
	{line} </dev/null >/tmp/soak.out 2>/tmp/soak.err || {{ echo "cycle $n: status $?"; cat /tmp/soak.*; exit 1; }}
	grep -q "fact 5 120" /tmp/soak.out || {{ echo "cycle $n: no answer"; cat /tmp/soak.*; exit 1; }}
	n=$((n + 1))
	[ $((n % {each})) = 0 ] || continue
	sync; echo 3 >/proc/sys/vm/drop_caches
	echo "held $n $(cut -f1 /proc/sys/fs/file-nr)" \
		$(awk '/^(SUnreclaim|MemAvailable):/ {{ kib[$1] = $2 }} $1 == "count:" {{ kib["MemAvailable:"] += 4 * $2 }}
			END {{ print kib["MemAvailable:"], kib["SUnreclaim:"] }}' /proc/meminfo /proc/zoneinfo) \
		$(grep -ls . /proc/[0-9]*/cmdline | wc -l) $(ls /sys/kernel/debug/kvm | grep -c -- -)
done
"""
KIB_MORE = 8 << 10
MANY = 500
LIMIT = 7200


def test_starts_and_stops(machine, lend, image, times):  # noqa: F811
    """Each start hands the devices over, has one work, and ends by the guest's own power off."""
    count, addresses = times(1000), [machine.addresses[d] for d in (EDU, TESTDEV)]
    words = [lend, "run", "-m", "128M", "-kernel", image, "-append", f"-- edu {slot(1)} fact 5; off",
             "-serial", "stdio"]
    for address in addresses:
        words += ["-device", f"vfio-pci,host={address},x-allow-unreset=on"]
    command = machine.start(CYCLES.format(
        devices=" ".join(addresses), bind=cache.LAB / "bind", line=shlex.join(map(str, words)),
        count=count, each=max(1, count // 20)), timeout=60 + 20 * count)
    result = command.wait()
    assert result.status == 0, result.out[-2000:]
    held = [tuple(map(int, row)) for row in re.findall(r"held (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", result.out)]
    (cache.ROOT / "build/lab/soak-starts.txt").write_text(
        "cycles, open files, KiB available, KiB of the kernel, processes, KVM machines\n"
        + "".join(f"{row}\n" for row in held))
    assert held[-1][0] == count
    # The first cycles fill the kernel's caches.
    early, late = held[len(held) // 4], held[-1]
    assert late[1] <= early[1] + 64 and late[4] <= early[4] + 4 and late[5] <= early[5], held
    if count >= MANY:  # what is lost in a few cycles is less than what the host itself takes now and then
        assert late[2] >= early[2] - KIB_MORE and late[3] <= early[3] + KIB_MORE, held
    assert machine.run(LEFT.format(cgroup=command.cgroup)).out == ""


def test_masks(bare, times):  # noqa: F811
    """A device signals while its vector is masked, thousands of times."""
    g = bare(IVSHMEM, limit=LIMIT)
    count = times(2500) * VECTORS
    g.ask(f"msix {slot(1)} on")
    bell = (g.value(f"cfg {slot(1)} 0x10 4") & ~15) + 12

    def often(vector, times):
        said = g.ask(f"msix {slot(1)} often {vector} {times} {bell} {GUEST_ID << 16 | vector}", 60 + count)
        assert said == f"often {times} masks, {times} interrupts"

    for vector in range(VECTORS):  # from its first use on each has an eventfd
        often(vector, 1)
    before = holds(g)
    for vector in range(VECTORS):
        often(vector, count // VECTORS)
    is_as_before(before, holds(g))
    g.power_off()


def test_decode_toggles(bare, times):  # noqa: F811
    g = bare(EDU, TESTDEV, limit=LIMIT)
    count = times(1000) * 100
    g.ask(f"toggle {slot(1)} 10")
    before = holds(g)
    assert g.ask(f"toggle {slot(1)} {count // 2}", 60 + count) == f"{count} toggles"
    is_as_before(before, holds(g))
    assert g.ask(f"edu {slot(1)} irq msi") == "irq msi 4 interrupts, status 0x107, 0 spurious"
    g.power_off()

