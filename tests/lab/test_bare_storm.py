# SPDX-License-Identifier: MIT
"""A guest that does whatever it can to its devices and its machine, from several processors at once.

What tests/guest/storm_acts.c does comes from a seed, which is in the name of each round's line in
build/lab/storm.txt and in a failure: `storm SEED ...` typed to the bare guest does it again (the order
between the processors is the host's).

L1 has one processor: with two, guests with several shut down now and then (docs/lab.md).
"""

import json
import re
import statistics
import time

import pytest

from answers import Answers
from bare import Bare, image, slot  # noqa: F401, a fixture among them
from guest import LEFT, WARNINGS
from lab import cache
from lab.machine import Profile
from lab.patience import patient

EDU, TESTDEV, DMA, OTHER, NVME, NET, MEMORY, DRIVE = range(8)
STORM = Profile(
    kernel="lab", drives=("random:8M",) * 2,
    devices=("edu", "pci-testdev", "edu,dma_mask=0xffffffffffff", "edu", "nvme,serial=s0,drive=d0",
             "e1000e,netdev=n0", "ivshmem-plain,memdev=m0", "nvme,serial=s1,drive=d1"),
    qemu_args=("-netdev", "user,id=n0", "-object", "memory-backend-memfd,id=m0,size=16M,share=on"))
pytestmark = pytest.mark.xdist_group("storm")

RAM = 128 << 20
LOG_MAX = 1 << 20
# An emulated host with other work may take seconds; a machine that hangs takes for ever.
ANSWER_MAX = 30
ROUND_MAX = 400
LIMIT = 7200
# What the IOMMU says of DMA to where the guest has nothing: it does its work.
ITS_WORK = re.compile(r"DMAR:.*(fault|DRHD)")
DONE = re.compile(r"\d+ steps of (\d+) processors, sum \w+\n")
HOLDS = """for p in $(cat {cgroup}/cgroup.procs); do
	echo $(cat /proc/$p/comm) $(awk '/^RssAnon/ {{ print $2 }}' /proc/$p/status) $(wc -l </proc/$p/maps) \
		$(readlink /proc/$p/fd/* | grep -c eventfd) $(readlink /proc/$p/fd/* | grep -vc eventfd)
done"""
# An interrupt vector has an eventfd from its first use on, until the device goes.
VECTORS = {EDU: 1, DMA: 1, NVME: 65, NET: 5}


def start(l1, lend, image, devices, name, cpus, *options):  # noqa: F811
    addresses = [l1.addresses[d] for d in devices]
    words = [lend, "run", "-name", name, "-m", f"{RAM >> 20}M", "-c", cpus, "-kernel", image, "-append", "",
             "-serial", "stdio", *options]
    for address in addresses:
        words += ["-device", f"vfio-pci,host={address},x-allow-unreset=on"]
    return Bare(l1, words, addresses, limit=LIMIT).ready(60)


def holds(g):
    """{process: (KiB of its own memory, mappings, eventfds, other descriptors)} of a machine."""
    out = g.l1.run(HOLDS.format(cgroup=g.command.cgroup), check=True).out
    return {words[0]: tuple(map(int, words[1:])) for words in map(str.split, out.splitlines())}


def functions(g):
    """(address, ids) of all but the host bridge."""
    return [tuple(text.split()[:2]) for text in g.ask("scan").split(";")[1:]
            if not text.split()[2].startswith("0600")]


class Storm:
    """Rounds of one guest, each from a start of the machine; and what it holds between them."""

    def __init__(self, g, answers, other):
        self.g, self.answers, self._other = g, answers, other
        self.serial, self.lines, self.seconds = [], [], []
        self._boots = 1
        self.held = []
        there = functions(g)
        self._dma = [a for a, ids in there if ids == "1234:11e8"][-1]
        self._words = " ".join([a for a, _ in there if a != self._dma] + ["dma", self._dma])

    def _byte(self):
        """A line's end is answered by a ~, and is an empty command when it comes too late; False: it is not answered."""
        before, began = self.g.out.count("~"), time.monotonic()
        self.g.command.send("\n")
        while self.g.out.count("~") == before:
            if self._is_over():
                return True
            assert self.g.command.running, "the machine ended"
            if time.monotonic() > began + patient(ANSWER_MAX):
                return False
            time.sleep(0.002)
        self.serial.append((time.monotonic() - began) * 1000)
        return True

    def _is_over(self):
        return DONE.search(self.g.out[self.g._at:]) or self.g.out.count("guest: ready") > self._boots

    def round(self, seed, steps, cpus):
        """True: it got through; else the guest hurt itself, and the machine is started again."""
        self.g.tell(f"storm {seed} {steps} {cpus} {RAM} {self._words}")
        began = time.monotonic()
        end = began + patient(ROUND_MAX)
        while not self._is_over() and time.monotonic() < end:
            self._other()
            if not self._byte():
                break
        done = DONE.search(self.g.out[self.g._at:])
        self.lines.append(f"seed {seed}: " + (done[0].strip() if done else "the guest hurt itself"))
        if done:
            assert int(done[1]) == cpus
        if self.g.out.count("guest: ready") == self._boots:
            self.answers.reset()
        self._boots = max(self._boots + 1, self.g.out.count("guest: ready"))
        self.g.ready(120, self._boots)
        self._boots = self.g.out.count("guest: ready")
        self.held.append(holds(self.g))
        self.seconds.append(round(time.monotonic() - began))
        return bool(done)


def is_as_before(before, after, more_vectors=0):
    """Descriptors and mappings are as many, and memory is not more than a few pages."""
    for name, (memory, maps, events, others) in after.items():
        had = before[name]
        assert memory <= had[0] + 256 and maps <= had[1] and events <= had[2] + more_vectors \
            and others <= had[3], f"{name}: {before} {after}"


def figures(name, milliseconds):
    return f"{name}: {len(milliseconds)} times, median {statistics.median(milliseconds):.0f} ms, " \
        f"longest {max(milliseconds):.0f} ms"


def storm(l1, lend, image, other, count, steps, cpus):  # noqa: F811
    """The machine, which has ended well."""
    g = start(l1, lend, image, (EDU, TESTDEV, NVME, NET, MEMORY, DMA), "storm", cpus, "-ports", "1",
              "-machine", "cf8=on")
    answers = Answers(l1, "/run/lend/storm/qmp")
    before = holds(g)
    rounds = Storm(g, answers, other)
    through = sum(rounds.round(seed, steps, cpus) for seed in range(1, count + 1))
    took = answers.end() | {"a byte by the serial line": rounds.serial}
    text = "\n".join(rounds.lines + [figures(*item) for item in took.items()]
                     + [f"log: {len(g.command.err)} bytes", f"seconds of each round: {rounds.seconds}",
                        f"held: {json.dumps([before, rounds.held[0], rounds.held[-1]])}"])
    (cache.ROOT / "build/lab/storm.txt").write_text(text + "\n")
    print(text)
    assert through, "no round got through"
    for held in rounds.held:
        is_as_before(before, held, sum(VECTORS.values()))
    assert max(map(max, took.values())) < patient(ANSWER_MAX) * 1000, text
    assert len(g.command.err) < LOG_MAX
    # As after power-on, all of it.
    assert g.ask(f"edu {rounds._dma} fact 6") == "fact 6 720"
    g.tell("off")
    result = g.command.wait(60)
    assert result.status == 0, result.err[-1000:]
    with open(l1.console, errors="replace") as console:
        said = [line.strip() for line in console if WARNINGS.search(line) and not ITS_WORK.search(line)]
    assert not said, "\n".join(said)
    return g


def all_gone(l1, *machines):
    for machine in machines:
        assert l1.run(LEFT.format(cgroup=machine.command.cgroup)).out == ""


def test_hostile_guest(l1, lend, image, times):  # noqa: F811
    """A device of another machine goes on: what it writes by DMA it reads back, and compares."""
    machine, is_long = l1(STORM), times(20) == 20
    other, done = start(machine, lend, image, (OTHER,), "other", 1), []

    def goes_on():
        assert other.ask(f"edu {slot(1)} dma", ANSWER_MAX) == "dma 4096 bytes there and back"
        done.append(1)

    g = storm(machine, lend, image, goes_on, 20 if is_long else 2, 5000 if is_long else 1500, 3)
    assert other.ask(f"edu {slot(1)} irq msi", ANSWER_MAX) == "irq msi 4 interrupts, status 0x107, 0 spurious"
    assert len(done) > 1
    other.tell("off")
    other.command.wait(60)
    all_gone(machine, g, other)


@pytest.mark.long
def test_hostile_guest_beside_a_drive(l1, lend, image, boot, sha256):  # noqa: F811
    """The drive of a Linux beside it is read whole, again and again, and each digest is right."""
    machine = l1(STORM)
    want, done = sha256(machine.drives[1]), []
    other = boot(machine, devices=[machine.addresses[DRIVE]], limit=LIMIT)

    def goes_on():
        assert other.hash() == want
        done.append(1)

    goes_on()
    g = storm(machine, lend, image, goes_on, 5, 3000, 2)
    assert len(done) > 1
    other.tell("guest_end")
    other.command.wait(60)
    all_gone(machine, g, other)
