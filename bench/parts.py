# SPDX-License-Identifier: MIT
"""The parts of a run, each of which fills rows or curves (bench/rows.py).

Rules: what is compared is interleaved, a round at a time; a monitor that lacks something is
left out with a note, and the others go on.
"""

import re
import shlex
import subprocess

from bench import monitors
from bench.host import Lost
from lab.machine import Profile
from lab.profiles import PROFILES

READS, PINGS, READ_ROUNDS = 300, 200, 1
SMALL = 128
DRIVES = 15  # an L1 has no more ports
TRACE = "/run/bench.trace"


def drives(number, **more):
    return Profile(drives=("blank:1M",) * number,
                   devices=tuple(f"nvme,serial=s{n},drive=d{n}" for n in range(number)), **more)


# Trace points are in the stock kernel of backports, not in the small one.
TRACED = drives(8, kernel="bpo", smp=2)
MANY = drives(DRIVES, kernel="lab", smp=2)
CARD = Profile(kernel="lab", smp=2, devices=("e1000e,netdev=n0",), qemu_args=("-netdev", "user,id=n0"))
ROOMY = Profile(kernel="lab", smp=2, mem="7168", devices=PROFILES["nvme"].devices, drives=("blank:64M",))
LARGE_BAR = PROFILES["large-bar"]


class Run:
    """What the parts share."""

    def __init__(self, figures, templates, guest, args, say, host):
        self.figures, self.templates, self.guest = figures, templates, guest
        self.quick, self._rounds, self.say, self.host = args.quick, args.rounds, say, host
        self._lost = set()

    def rounds(self, whole, quick):
        return range(self._rounds or (quick if self.quick else whole))

    def command(self, name, devices, mib=monitors.MIB, words="", append=""):
        """A monitor's command; `words` are properties of its devices."""
        return monitors.command(self.templates[name], [d + words for d in devices], mib=mib,
                                append=f"{monitors.APPEND} {append}".strip(), **self.guest)

    def measure(self, host, name, what, program, words, command, devices, timeout=300):
        """The result, or None with a note. What could not be had is not tried again."""
        if (name, what) in self._lost:
            return None
        try:
            return host.measure(program, [*words, "--", *command], devices, timeout)
        except Lost as e:
            self._lost.add((name, what))
            self.figures.note(f"{name}: {what} is not known: {e}")
            self.say(f"{name}: {what} is not known")
            return None


def launch(run):
    with run.host(PROFILES["nvme-smp"]) as host:
        devices = host.devices(1)
        warm(run, host, devices)
        for number in run.rounds(5, 5):
            for name in run.templates:
                reads = number < READ_ROUNDS or not run.quick
                got = run.measure(host, name, "a launch", "launch.py",
                                  [monitors.MIB, "reads" if reads else "none", READS],
                                  run.command(name, devices), devices)
                if got:
                    run.say(f"round {number + 1}, {name}: {got['first_s']} s to the first process, "
                            f"{got['user_exits_bound']} exits to user space until the driver is bound")
                    run.figures.add(name, **{k: got[k] for k in ("first_s", "bound_s", "user_exits_bound",
                                                                 "exits_first", "private_kib")})
                    if reads:
                        run.figures.add(name, nvme_msix=got["each"])
        trace(run, host, devices)
        kernels(run, host)
        reboots(run, host, devices)
        requests(run, host, devices, NVME_MODES)
        together(run, host)


def warm(run, host, devices):
    """The kernel keeps a program's files, and lend keeps kernels, from the first launch on."""
    for name in run.templates:
        run.figures.commands[name] = [str(w) for w in run.command(name, devices)]
        run.say(f"{name}: {shlex.join(run.figures.commands[name])}")
        run.measure(host, name, "a launch", "launch.py", [monitors.MIB, "none", 0],
                    run.command(name, devices), devices)


def trace(run, host, devices):
    """Where the time of a start goes, if this build of lend can tell."""
    words = [str(w) for w in run.command("lend", devices)]
    text = subprocess.run([*words[:2], "--help"], capture_output=True, text=True, check=False).stdout
    option = re.search(r"(--?trace)[ =]FILE", text)
    if option:
        got = run.measure(host, "lend", "the trace of a start", "trace.py", [TRACE],
                          [*words[:2], option[1], TRACE, *words[2:]], devices)
        if got:
            run.figures.tables["trace"] = got["trace"]


def kernels(run, host):
    """The same kernel in its three ways: kept unpacked, packed, and as an ELF file (PVH)."""
    usual, lend = run.command("lend", [], SMALL, append="bench=none"), run.templates["lend"]
    ways = {"lend": usual, "lend, -kernel-cache off": [*usual, "-kernel-cache", "off"],
            "lend, PVH ELF": monitors.command(lend.replace("{kernel}", "{vmlinux}"), mib=SMALL,
                                              append=f"{monitors.APPEND} bench=none", **run.guest)}
    for _ in run.rounds(5, 2):
        for name, command in ways.items():
            got = run.measure(host, name, "a launch", "launch.py", [SMALL, "none", 0], command, ())
            if got:
                run.say(f"{name}: {got['first_s']} s")
                run.figures.add(name, kernel_s=got["first_s"])


def reboots(run, host, devices):
    for _ in run.rounds(5, 1):
        for name in run.templates:
            got = run.measure(host, name, "a reboot from inside", "reboot.py", [],
                              run.command(name, devices), devices)
            if got:
                run.say(f"{name}: {got['reboot_s']} s for a reboot")
                run.figures.add(name, **got)


def together(run, host):
    command = run.command("lend", [], SMALL, append="bench=none")
    for number in (1, 2, 4) if run.quick else (1, 2, 4, 8, 16):
        for _ in run.rounds(3, 1):
            got = run.measure(host, "lend", f"{number} machines at once", "together.py", [number],
                              command, (), 600)
            if got:
                last = got["first_s"][-1]
                run.say(f"{number} machines at once: the last one's first process after {last} s")
                run.figures.add_point("together_p99_s", "lend", number, last)


def calls(run, host, devices):
    for name in run.templates:
        got = run.measure(host, name, "its ioctls", "calls.py", ["ioctls"],
                          run.command(name, devices), devices)
        if got:
            run.say(f"{name}: {got['ioctls']} ioctls, {got['slots']} slot changes, {got['left_bound']} exits that "
                    "reach it")
            run.figures.add(name, **{k: got[k] for k in ("left_bound", "ioctls", "slots", "routes", "maps")})
            run.figures.tables.setdefault("ioctls", {})[name] = got["by_name"]
    for name in ("lend",) if run.quick else ("lend", "q35"):
        got = run.measure(host, name, "an access that traps", "calls.py", ["access"],
                          run.command(name, devices, words=",x-no-mmap=on"), devices)
        if got:
            run.say(f"{name}: {got['bar_calls']} system calls for an access that traps")
            run.figures.add(name, bar_calls=got["bar_calls"])


def entry(run):
    """The first round warms what the kernel keeps of the programs' files."""
    with run.host(TRACED) as host:
        calls(run, host, host.devices(1))
        for number in range(len(run.rounds(5, 3)) + 1):
            for name in run.templates:
                for count in (0, 1, 8) if name == "lend" or not run.quick else (0,):
                    devices = host.devices(count)
                    if len(devices) < count:
                        run.figures.note(f"there are no {count} drives here")
                        continue
                    words = [w for d in devices for w in ("--device", d)]
                    got = run.measure(host, name, "its first instruction", "entry.py", words,
                                      run.command(name, devices, SMALL), devices)
                    if got and number:
                        run.say(f"{name}, {count} drives: {got['entry_ms']} ms to the first instruction")
                        run.figures.add(name, **{f"entry_{count}_ms": got["entry_ms"]})
                        if "beside_ms" in got:
                            run.figures.add(name, **{f"beside_{count}_ms": got["beside_ms"]})


def growth(run):
    names = ["lend"] if run.quick else list(run.templates)
    with run.host(MANY) as host:
        for number in (1, 4, DRIVES) if run.quick else (1, 2, 4, 8, DRIVES):
            devices = host.devices(number)
            if len(devices) < number:
                run.figures.note(f"there are no {number} drives here")
                continue
            for name in names:
                for _ in run.rounds(3 if name == "lend" else 1, 1):
                    got = run.measure(host, name, f"{number} drives", "launch.py", [SMALL * 2, "none", 0],
                                      run.command(name, devices, SMALL * 2, append=f"drives={number}"), devices)
                    if got:
                        run.say(f"{name}, {number} drives: {got['first_s']} s, {got['private_kib']} KiB")
                        for key, of in (("devices_first_s", "first_s"), ("devices_exits", "user_exits_bound"),
                                        ("devices_kib", "private_kib")):
                            run.figures.add_point(key, name, number, got[of])
    for name in names:
        points = run.figures.points("devices_kib", name)
        if len(points) > 1:
            (first, least), (last, most) = points[0], points[-1]
            run.figures.add(name, further_kib=round((most - least) / (last - first), 1))


def memory(run):
    with run.host(ROOMY) as host:
        devices = host.devices(1)
        for mib in (128, 512, 2048) if run.quick else (128, 256, 512, 1024, 2048, 4096):
            for _ in run.rounds(3, 1):
                got = run.measure(host, "lend", f"{mib} MiB", "launch.py", [mib, "none", 0],
                                  run.command("lend", devices, mib), devices)
                if got:
                    run.say(f"lend, {mib} MiB: {got['first_s']} s")
                    run.figures.add_point("memory_first_s", "lend", mib, got["first_s"])
                    run.figures.add_point("memory_kib", "lend", mib, got["private_kib"])


# Nothing can reset the device with the large BAR, and lend asks whether that is wanted.
ANYWAY = {"lend": ",x-allow-unreset=on", "before": ",x-allow-unreset=on"}


def large_bar(run):
    with run.host(LARGE_BAR) as host:
        devices = host.devices(1)
        for name in run.templates:
            both = [run.measure(host, name, "a large BAR", "launch.py", [monitors.MIB, "none", 0],
                                run.command(name, given, words=ANYWAY.get(name, ""), append="bench=none"),
                                devices)
                    for given in ([], devices)]
            if all(both):
                each = (both[1]["private_kib"] - both[0]["private_kib"]) / 8
                run.say(f"{name}: {each} KiB of private memory for a GiB of BAR")
                run.figures.add(name, bar_gib_kib=each)


NVME_MODES = (("nvme_intx", "reads", READS, "pci=nomsi"),)
CARD_MODES = (("card_msix", "pings", PINGS, "bench=card e1000e.IntMode=2"),
              ("card_intx", "pings", PINGS, "bench=card e1000e.IntMode=0"),
              ("card_msi", "pings", PINGS, "bench=card e1000e.IntMode=1"))
QUICK_MODES = 2


def requests(run, host, devices, modes):
    """A packet is sent and one comes for each ping."""
    for key, what, count, append in modes[:QUICK_MODES] if run.quick else modes:
        for name in ("lend",) if run.quick else run.templates:
            got = run.measure(host, name, key, "launch.py", [monitors.MIB, what, count],
                              run.command(name, devices, append=append), devices)
            if got:
                each = got["each"] / (2 if what == "pings" else 1)
                run.say(f"{name}, {key}: {each} exits to user space for each")
                run.figures.add(name, **{key: each})
                run.figures.tables.setdefault("interrupts", {})[f"{key}, {name}"] = got["lines"]


def card(run):
    with run.host(CARD) as host:
        requests(run, host, host.devices(1), CARD_MODES)
