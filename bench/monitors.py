# SPDX-License-Identifier: MIT
"""Monitors as templates of command lines: lend, QEMU's machines, and those of --peer.

A template is words for a shell. In it stand for

    {kernel} {vmlinux}  the guest's kernel: a bzImage, and the same as an ELF file (PVH)
    {initrd} {append}   its initial RAM disk and its command line, which has blanks
    {mib}               MiB of guest memory
    {device}            the PCI address of a device that is bound to vfio-pci

What is in [ ] is there once for each device; a word in < > is left out without a device.
The monitor has one processor for its guest, prints the guest's first serial port on its
standard output, gives its standard input to that port, and ends when the guest powers off.
"""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MIB = 512
DEVICE = "0000:01:00.0"
APPEND = "console=ttyS0 panic=-1 quiet"

GUEST = "-kernel {kernel} -initrd {initrd} -append '{append}'"
QEMU = (f"-accel kvm -cpu host -m {{mib}} -display none -serial stdio -nic none {GUEST} "
        "[-device vfio-pci,host={device}]")
MICROVM = "microvm,pcie=on,acpi=on,rtc=on,pit=off,pic=off"


def templates(qemu, lend=ROOT / "build/lend"):
    """lend, and the fastest configuration of each of QEMU's machines that is known."""
    lend, qemu = shlex.quote(str(lend)), shlex.quote(str(qemu))
    return {
        "lend": f"{lend} run -m {{mib}} -c 1 {GUEST} [-device vfio-pci,host={{device}}]",
        "q35": f"{qemu} -machine q35 -vga none {QEMU}",
        "microvm": f"{qemu} -nodefaults -machine {MICROVM} {QEMU}",
    }


def peer(text):
    """(name, template) of --peer NAME=COMMAND; ValueError says what is wrong."""
    name, equals, template = text.partition("=")
    if not equals or not re.fullmatch(r"[\w.-]+", name) or not template.strip():
        raise ValueError(f"--peer {text}: give NAME=COMMAND; a name has letters, digits, '.', '-' and '_'")
    for field in re.findall(r"\{(\w*)\}", template):
        if field not in FIELDS:
            raise ValueError(f"--peer {name}: {{{field}}} is unknown; there are "
                             + " ".join(f"{{{known}}}" for known in FIELDS))
    groups(shlex.split(template))
    return name, template


FIELDS = ("kernel", "vmlinux", "initrd", "append", "mib", "device")


def groups(words):
    """[(opening bracket or "", words)], in order."""
    found, opened = [("", [])], ""
    for word in words:
        if not opened and word[:1] in "[<" and word[:1]:
            opened, word = word[0], word[1:]
            found.append((opened, []))
        closes = opened and word.endswith({"[": "]", "<": ">"}[opened])
        found[-1][1].append(word[:-1] if closes else word)
        if closes:
            opened = ""
            found.append(("", []))
    if opened:
        raise ValueError(f"a command template does not close its '{opened}'")
    return found


def command(template, devices=(), **values):
    """The words of a monitor's command."""
    words = []
    for bracket, inner in groups(shlex.split(template)):
        rounds = {"": [""], "<": [""] if devices else [], "[": devices}[bracket]
        for device in rounds:
            words += [fill(word, {**values, "device": device}) for word in inner]
    return words


def fill(word, values):
    return re.sub(r"\{(\w+)\}", lambda m: str(values[m[1]]), word)


def commands(qemu, kernel, initrd):
    """lend and QEMU's machines with one device; a guest that wants to reboot ends them."""
    return {name: command(f"{template} -no-reboot", [DEVICE], kernel=kernel, initrd=initrd,
                          append=APPEND, mib=MIB)
            for name, template in templates(qemu).items()}
