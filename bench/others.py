# SPDX-License-Identifier: MIT
"""The parts that are programs of their own: bench/vfio-user, nvme, guest-disk, firmware."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# bench/guest-disk's names of guests, and bench/nvme's lines.
DISKS = {"lend": "lend", "client": "lend serve under QEMU", "nvme": "QEMU's nvme", "virtio": "QEMU's virtio-blk"}
READS = re.compile(r"depth +(\d+), (\w+): directly ([\d.]+) us a read, through lend ([\d.]+) us: ([\d.]+)")


def output(*words):
    """A status of 1 says that a promise does not hold; the figures are there all the same."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode not in (0, 1):
        raise subprocess.CalledProcessError(done.returncode, words, done.stdout, done.stderr)
    return done


def sockets(run):
    """A register, and a disk's reads, of a device behind a socket."""
    for _ in run.rounds(5, 3):
        found = re.search(r"ratio ([\d.]+)", output("bench/vfio-user", 5).stdout)
        run.figures.add("lend", register_ratio=float(found[1]))
        for depth, how, _, _, speed in READS.findall(output("bench/nvme", 3, 5000).stdout):
            if how == "woken":
                run.figures.add("lend", **{f"served_{depth}": float(speed)})
    run.say("a register and reads behind a socket: done")


def disk(run):
    """Reads of a guest's disk, beside QEMU's."""
    path = ROOT / "build/bench/guest-disk.json"
    path.unlink(missing_ok=True)
    run.say("four guests read a disk in turns")
    said = output("bench/guest-disk", "--turns", len(run.rounds(5, 3)), "--reads", 1000, "--json", path).stderr
    # Its figures are those of what was read until then.
    if stopped := re.search(r"^guest-disk: (.*)", said, re.MULTILINE):
        run.figures.note(f"the turns of a guest's disk ended early: {stopped[1]}")
        run.say("a guest stopped")
    for name, of in json.loads(path.read_text()).items():
        for depth, samples in of.items():
            for us in samples:
                run.figures.add(DISKS[name], **{f"disk_{depth}_us": us})


def firmware(run):
    """To the boot loader of an installed Debian. It takes a quarter of an hour."""
    path = ROOT / "build/bench/firmware.json"
    path.unlink(missing_ok=True)
    run.say("machines with UEFI firmware, to the boot loader")
    output("bench/firmware", "--loader", "--runs", len(run.rounds(1, 1)), "--json", path)
    of = json.loads(path.read_text())
    for name, peer in (("lend", "lend"), ("q35", "q35"), ("traced", "q35")):
        for sample in of[name]:
            if "others" in sample:
                run.figures.add(peer, firmware_exits=sample["others"])
            if name != "traced":
                run.figures.add(peer, firmware_s=sample["loader_s"], firmware_kib=sample["private_kib"])
