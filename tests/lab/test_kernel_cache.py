# SPDX-License-Identifier: MIT
"""A bzImage's kernel is unpacked once and entered directly; its addresses stay random."""

import pytest

pytestmark = pytest.mark.profile("plain")

LINKED = "ffffffff81000000"
FROM_CACHE = "comes unpacked from the cache"


def text_of(guest):
    """Where the kernel's text is."""
    return guest.ask("grep ' [tT] _text$' /proc/kallsyms").split()[0]


def kernels(machine):
    """Inode and name of each, without the record of what was checked."""
    listed = machine.run(["ls", "-i", "/tmp/kernels"]).check().out.splitlines()
    return [line for line in listed if not line.endswith(".seen")]


def run(boot, machine, name, *options, append=""):
    guest = boot(machine, name, memory="512M", append=append, options=["-v", *options])
    address = text_of(guest)
    guest.power_off()
    return address, FROM_CACHE in guest.command.err


@pytest.mark.parametrize("name", [
    "lab", *(pytest.param(n, marks=pytest.mark.long) for n in ("stock", "cloud", "bpo", "newest"))])
def test_unpacked_once(name, l1, boot):
    machine = l1()
    machine.run(["mkdir", "-m", "700", "/tmp/kernels"]).check()
    cache = ["-kernel-cache", "/tmp/kernels"]
    first, unpacked = run(boot, machine, name, *cache)
    assert unpacked
    files = kernels(machine)
    second, unpacked = run(boot, machine, name, *cache)
    assert unpacked
    assert kernels(machine) == files, "made once"
    # Each is one of some hundred addresses, that one among them: two may be the same by chance.
    assert {first, second} != {LINKED}, "KASLR"
    fixed, unpacked = run(boot, machine, name, *cache, append="nokaslr")
    assert unpacked and fixed == LINKED
    # The next kernel's begins with an empty one.
    machine.run(["rm", "-r", "/tmp/kernels"]).check()
