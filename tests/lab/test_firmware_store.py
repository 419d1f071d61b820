# SPDX-License-Identifier: MIT
"""Where the variables of UEFI firmware are kept, and when the disk there is full."""

import re

import pytest

from firmware import HOST, images, shell_disk
from lab.machine import Profile

pytestmark = [pytest.mark.firmware, pytest.mark.long]
GUID = "6c656e64-0000-4000-8000-000000000001"
BLOCK, VARIABLES = 4096, 0x40000  # of a store, of which its first part has the variables


@pytest.fixture(scope="session")
def profile(tmp_path_factory):
    copy = tmp_path_factory.mktemp("disks") / "disk.img"
    copy.write_bytes(shell_disk("nvme").read_bytes())
    return Profile(**HOST, drives=(str(copy),), devices=("nvme,serial=lend0,drive=d0",))


def set_variable(shell, name):
    shell.ask(f"setvar {name} -guid {GUID} -nv -bs =0x11223344")


def has(shell, *names):
    for name in names:
        shell.tell(f"setvar {name} -guid {GUID}")
        shell.sees(r"0004 Bytes\s+44 33 22 11")


# The block in which the next variable begins. It needs room again from now on, as each block does on a
# file system that writes to another place.
TAKE_ROOM = f"""python3 -c '
import sys
print(len(open(sys.argv[1], "rb").read()[:{VARIABLES}].rstrip(b"\\xff")) // {BLOCK} * {BLOCK})
' {{store}} | xargs -I {{{{}}}} fallocate -p -o {{{{}}}} -l {BLOCK} {{store}} || exit
dd if=/dev/zero of=/run/full/other bs={BLOCK} 2>/dev/null
[ $(stat -f -c %a /run/full) = 0 ]"""


def test_full_disk(l1, lend, profile, firmware):
    """One line, the machine goes on, and when there is room again all is stored."""
    machine = l1(profile)
    store = "/run/full/vars.fd"
    machine.run("mkdir -p /run/full && mount -t tmpfs -o size=1M none /run/full", check=True)
    first = firmware(0, store=store).ready()
    set_variable(first, "LendBefore")
    first.power_off()

    second = firmware(0, store=store, options=("-v",)).ready()
    machine.run(TAKE_ROOM.format(store=store), check=True)
    for name in ("LendFull", "LendMore"):
        set_variable(second, name)
    has(second, "LendBefore", "LendFull", "LendMore")
    said = rf"cannot write the guest's UEFI variables to {store}: No space left on device; it is tried again"
    second.command.expect(said)
    assert len(re.findall(said, second.command.err)) == 1, second.command.err
    # A machine that would need a store of its own there does not start, and leaves nothing.
    ovmf = images("trixie") / "OVMF"
    other = machine.run(f"{lend} run -firmware {ovmf}/OVMF_CODE_4M.fd,vars=/run/full/new.fd"
                        " -serial none </dev/null")
    assert other.status == 1
    assert re.fullmatch(r"lend: cannot make /run/full/new\.fd[^\n]*No space left on device\n", other.err)
    assert machine.run("ls -A /run/full", check=True).out.split() == ["other", "vars.fd"]
    machine.run("rm /run/full/other", check=True)
    set_variable(second, "LendAfter")
    second.power_off()
    assert f"the guest's UEFI variables are in {store} again" in second.command.err

    third = firmware(0, store=store).ready()
    has(third, "LendBefore", "LendFull", "LendMore", "LendAfter")
    third.power_off()
    machine.run("umount /run/full", check=True)
