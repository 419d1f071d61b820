# SPDX-License-Identifier: MIT
"""`lend run` in an L1, and the guest that it boots, as an object.

    guest = boot(l1())                       # fixture `boot`, see conftest.py
    out = guest.ask("diskio hash /dev/nvme0n1")
    guest.power_off()

The guest's /init is a shell that takes lines from its serial line, so that one
image serves all tests of a kernel, and every question tests the way in too.

Rules: every end is checked in `ended`: the exit status, and that nothing is
left in L1 (no process, no busy group, no warning of its kernel).
"""

import json
import re
import shlex
import signal

from lab import cache
from lab.command import CommandFailed
from lab.evidence import evidence

# What L1's kernel says when something went wrong in what lend uses.
WARNINGS = re.compile(
    r"WARNING:|BUG:|Oops|Call Trace|refused|DMAR:.*fault|DMAR:.*error"
    r"|(vfio|iommu|kvm).*(fail|error|timed? ?out|leak|below hardware)", re.I)

INIT = """#!/bin/sh
. /lib.sh
guest_start
stty -echo
answer ready
while read -r asked line; do
	answer "begin $asked"
	eval "$line"
	answer "end $asked $?"
done
guest_end
"""

# Quiet, so that no message of the kernel cuts an answer in two.
APPEND = "console=ttyS0 quiet loglevel=1 panic=-1"

# What `boot` runs in L1: the devices go to VFIO, and lend takes this process'
# place (unless `wrap` says else), so that a signal for the command is one for
# the keeper.
START = """for d in {devices}; do
	[ "$(basename "$(readlink /sys/bus/pci/devices/$d/driver)")" = vfio-pci ] ||
		{bind} $d vfio-pci || exit
done
{line}
"""

# What is left of a run: its processes, and groups and nodes that somebody holds.
LEFT = """cat {cgroup}/cgroup.procs
for g in /dev/vfio/[0-9]*; do
	[ ! -e $g ] || (exec 3<>$g) 2>/dev/null || echo busy: $g
done
find /proc/[0-9]*/fd -lname '/dev/vfio/*' -o -lname /dev/iommu 2>/dev/null"""


def reported(command, pattern):
    """What the groups of `pattern` are in the report that lend writes now."""
    before = len(re.findall(pattern, command.err))
    command.kill(signal.SIGUSR1)
    command.expect(rf"(?s)({pattern}.*){{{before + 1}}}", 20)
    return re.findall(pattern, command.err)[-1]


class Guest:
    def __init__(self, l1, words, devices, wrap="exec {0}", pty=False,
                 stats=None, limit=120, prepare=()):
        self.l1 = l1
        self._asked = self._boots = 0
        self._stats = stats
        self._console_at = l1.console.stat().st_size
        line = wrap.format(shlex.join(str(w) for w in words))
        script = START.format(devices=" ".join(devices), line=line,
                              bind=cache.LAB / "bind")
        self.command = l1.start(script, pty=pty, stdin=not pty, timeout=limit)

    # The guest

    @property
    def out(self):
        return self.command.out.replace("\r", "")

    def ready(self, timeout=90):
        """Waits until the guest, booted (again), takes lines."""
        self._boots += 1
        try:
            self.command.expect(f"(?s)(lend-guest: ready.*){{{self._boots}}}", timeout)
        except CommandFailed as e:
            if not self.command.running:
                raise
            raise CommandFailed(f"{e}\nthe guest does not come up; what its host "
                                f"says of it: {evidence(self.l1, self.command)}") from None
        return self

    def tell(self, line):
        """Types a line and waits for nothing."""
        self._asked += 1
        self.command.send(f"{self._asked} {line}\n")

    def told(self, timeout=60):
        """Waits for the end of what was told last; (its output, its status)."""
        found = self.command.expect(
            rf"(?s)lend-guest: begin {self._asked}\r*\n(.*)"
            rf"lend-guest: end {self._asked} (\d+)\r*\n", timeout)
        return found[1].replace("\r", "").strip(), int(found[2])

    def ask(self, line, timeout=60):
        """What the line prints in the guest; it has to succeed."""
        self.tell(line)
        out, status = self.told(timeout)
        assert status == 0, f"in the guest, {line}: status {status}: {out}"
        return out

    def hash(self, disk="/dev/nvme0n1", depth=8):
        out = self.ask(f"wait_for {disk} && diskio hash {disk} --depth {depth}")
        return re.search(r"[0-9a-f]{64}", out)[0]

    def reboot(self, timeout=60):
        """From inside."""
        self.tell("reboot -f")
        self.ready(timeout)

    # The machine

    @property
    def keeper(self):
        return int(self.l1.run(f"head -1 {self.command.cgroup}/cgroup.procs",
                               check=True).out)

    @property
    def machine(self):
        """The process that holds KVM and the devices."""
        return int(self.l1.run("pgrep -x lend-machine", check=True).out)

    @property
    def stats(self):
        return json.loads(self._stats.read_text())

    def exits(self):
        """Exits to user space so far, as KVM counts them."""
        out = self.l1.run("cd /sys/kernel/debug/kvm && "
                          "cat */io_exits */mmio_exits", check=True).out
        return sum(int(n) for n in out.split())

    def drive_reads(self):
        """Reads that the drive has served, as the hardware sees it."""
        return int(re.search(r"rd_operations=(\d+)",
                             self.l1.monitor.hmp("info blockstats"))[1])

    # The end

    def power_off(self):
        self.tell("guest_end")
        return self.ended(0)

    def ended(self, status, timeout=None):
        """Waits for the end, which has to have that exit status. It may have run for long before."""
        result = self.command.wait(timeout, least=60)
        assert not result.timed_out and result.status == status, \
            f"lend {result.ending()}, not {status}; log: {result.log}\n" \
            f"{result.err}{result.out[-500:]}"
        self.nothing_left()
        return result

    def kill(self):
        """At once, and until the next machine can have its devices: memory goes first, which takes a moment."""
        self.command.kill(signal.SIGKILL, "cgroup")
        self.command.wait(60)
        left = LEFT.format(cgroup=self.command.cgroup)
        self.l1.run(f'until [ -z "$({left})" ]; do sleep 0.05; done', check=True, timeout=60)

    def nothing_left(self):
        left = self.l1.run(LEFT.format(cgroup=self.command.cgroup)).out
        assert left == "", f"lend left behind: {left}"
        self.no_warnings()

    def no_warnings(self):
        with open(self.l1.console, errors="replace") as console:
            console.seek(self._console_at)
            said = [line.strip() for line in console if WARNINGS.search(line)]
        assert not said, "L1's kernel warned:\n" + "\n".join(said)
