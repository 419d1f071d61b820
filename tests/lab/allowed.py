# SPDX-License-Identifier: MIT
"""The machine's allow-list as the sources have it, and what machines made of it (traced.c).

    allowed()           {kind of threads: {name of a call or of an ioctl}}
    made(folder, key)   the same, of what was written below this folder

Kinds of threads are named as the threads are. Ioctls that have one number are one, with the first name:
VFIO_IOMMU_GET_INFO is the number of VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, too.
"""

import collections
import functools
import re
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOOP, PROCESSORS, DEVICES = KINDS = "lend-machine", "lend-vcpu", "lend-devices"
CLASSES = {"LOOP": (LOOP,), "VCPU": (PROCESSORS,), "WORKER": (DEVICES,), "ALL": KINDS}
# Those that have rules of their own, which are no rows of a table.
OTHERS = {"timerfd_create": (LOOP,), "fdatasync": (LOOP, PROCESSORS), "tgkill": KINDS, "mmap": KINDS, "mprotect": KINDS}
INCLUDES = "stdio.h", "sys/syscall.h", "linux/kvm.h", "linux/vfio.h", "lib/sys/abi.h"


def table(text, name):
    """The rows of a table in C."""
    body = re.search(rf"\b{name}\[\] = \{{\n(.*?)^\}};", text, re.DOTALL | re.MULTILINE)[1]
    return re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL)


def rows(text, pattern):
    """(name, kinds) of each row {name, classes}."""
    for name, classes in re.findall(rf"\{{{pattern}, ([A-Z |]+)\}}", text):
        yield name, [kind for word in classes.split(" | ") for kind in CLASSES[word]]


def lists():
    """(calls, ioctls): (name, kinds) of each."""
    machine, library = ((ROOT / path).read_text() for path in ("vmm/sandbox.c", "lib/sys/ioctls.c"))
    calls = [*rows(table(machine, "calls"), r"SCMP_SYS\((\w+)\)"), *OTHERS.items()]
    named = {name for path in ("vmm/sandbox.c", "vmm/confine.c")
             for name in re.findall(r"SCMP_SYS\((\w+)\)", (ROOT / path).read_text())} - {"ioctl"}
    assert {name for name, _ in calls} == named, "a rule that this does not know"
    ioctls = list(rows(table(machine, "ioctls"), r"(\w+)"))
    for suffix, kinds in (("", KINDS), ("open_", (DEVICES,))):
        calls += [(name, kinds) for name in re.findall(r'"(\w+)"', table(library, f"{suffix}calls"))]
        ioctls += [(name, kinds) for name in re.findall(r"(\w+),", table(library, f"{suffix}requests"))]
    return calls, ioctls


@functools.cache
def numbers():
    """{name: number as traced.c writes it}, as the compiler knows them."""
    calls, ioctls = lists()
    prints = [f'printf("{name} %d\\n", SYS_{name});' for name, _ in calls]
    prints += [f'printf("{name} ioctl %#x\\n", (unsigned){name});' for name, _ in ioctls]
    source = "".join(f"#include <{name}>\n" for name in INCLUDES) + f"int main(void) {{ {' '.join(prints)} }}"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cc", "-I", ROOT, "-I", ROOT / "include", "-x", "c", "-", "-o", f"{folder}/numbers"],
                       input=source, text=True, check=True)
        out = subprocess.run([f"{folder}/numbers"], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in out.splitlines())


@functools.cache
def names():
    return {number: name for name, number in reversed(numbers().items())}


def allowed():
    found = collections.defaultdict(set)
    for some in lists():
        for name, kinds in some:
            for kind in kinds:
                found[kind].add(names()[numbers()[name]])
    return found


def made(folder, key):
    found = collections.defaultdict(set)
    for path in Path(folder).glob(f"*/results/calls-{key}-*"):
        for line in path.read_text().splitlines():
            kind, number = line.split(" ", 1)
            found[kind].add(names().get(number, number))
    return found
