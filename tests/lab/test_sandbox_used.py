# SPDX-License-Identifier: MIT
"""The machine's list of system calls has nothing that machines do not use.

Tests of the lab run once more with lend under a tracer (traced.c): together they have what the list is
for. What a kind of threads may call and none of them called is a failure, unless it is below, with the
reason why it stays. What they showed: docs/reliability.md.
"""

import os
import subprocess
import sys
import time
from typing import NamedTuple

import pytest

from allowed import DEVICES, KINDS, LOOP, PROCESSORS, ROOT, allowed, made

TESTS = (
    # a drive, reboots, commands from outside: pause, power button, a device that comes and goes
    "test_reboot.py::test_reboot_twice",
    "test_ctl.py",
    "test_hotplug.py::test_a_drive_comes_and_goes",
    # BARs that move, peers, interrupts of each kind, learned writes
    "test_bare_guest.py",
    "test_bare_ivshmem.py",
    "test_quirks.py",
    "test_zoo_lines.py::test_line_of_two",
    # devices behind a socket, whose servers end and come back
    "test_hotplug_served.py",
    "test_vfio_user_run.py::test_registers_dma_and_interrupts",
    "test_vfio_user_run.py::test_lies_are_not_mapped",
    "test_vfio_user_run.py::test_server_comes_back",
    # errors, resets of a bus
    "test_error_ends.py::test_a_card_is_removed[nonfatal-1]",
    "test_recovery.py::test_driver_recovers_its_card[fatal]",
    "test_root_ports.py",
    # firmware, and what the newest kernel alone has
    "test_firmware.py::test_shell_from_nvme[trixie]",
    "test_firmware.py::test_resets_from_the_shell",
    "test_newest.py::test_peer_after_decode_and_moves",
)


class Kept(NamedTuple):
    """These calls of these kinds of threads stay allowed, though none of the tests makes them."""

    why: str
    kinds: tuple
    calls: str


ALL = KINDS
KEPT = (
    Kept("not stopped for the tracer, since there are so many: a guest that ran is the proof",
         (PROCESSORS,), "KVM_RUN"),
    Kept("a guest that failed, a BAR that the host withdrew", (PROCESSORS,), "KVM_GET_REGS"),
    # libc
    Kept("the end of the process by abort(), with libc's words for it; the handler of SIGBUS",
         (LOOP,), "gettid rt_sigreturn writev"),
    Kept("the same", (PROCESSORS,), "exit_group rt_sigaction writev"),
    Kept("the same", (DEVICES,), "exit_group getpid gettid rt_sigaction rt_sigreturn tgkill writev"),
    Kept("malloc(), which chooses when and on which thread", (LOOP,), "mprotect mremap"),
    Kept("the same", (PROCESSORS,), "brk mmap mprotect mremap munmap"),
    Kept("the same", (DEVICES,), "brk mprotect mremap"),
    Kept("time, where the kernel's own page (vDSO) cannot tell it: a host with an unsteady clock", ALL,
         "clock_gettime"),
    Kept("a device that is slow after a reset, or waits for answers when it is stopped", ALL,
         "clock_nanosleep"),
    Kept("the same in other versions of libc", ALL, "nanosleep"),
    Kept("a thread that waited, was stopped by SIGSTOP, and goes on", ALL, "restart_syscall"),
    # the loop
    Kept("BARs that come back for peers by iommufd when the loop shows them again", (LOOP,),
         "ABI_IOMMU_IOAS_MAP ABI_IOMMU_IOAS_MAP_FILE"),
    Kept("a reboot while the firmware's flash takes commands, or a table is masked as a whole", (LOOP,),
         "KVM_REGISTER_COALESCED_MMIO KVM_UNREGISTER_COALESCED_MMIO"),
    # processors
    Kept("variables of the firmware that wait for the disk when another processor comes", (PROCESSORS,),
         "fdatasync"),
    Kept("liblend has one list for all threads of a monitor: another kind makes it", (PROCESSORS,),
         "ABI_DEVICE_DETACH_IOMMUFD_PT ABI_IOMMU_DESTROY VFIO_GROUP_UNSET_CONTAINER VFIO_DEVICE_RESET"
         " VFIO_DEVICE_GET_PCI_HOT_RESET_INFO fstat read shutdown"),
    # the thread for devices
    Kept("the same", (DEVICES,), "fstat read shutdown"),
    Kept("what the loop could not take back when the device went is tried once more", (DEVICES,),
         "KVM_IOEVENTFD KVM_IRQFD KVM_IRQ_LINE KVM_REGISTER_COALESCED_MMIO KVM_SET_GSI_ROUTING"
         " KVM_SET_USER_MEMORY_REGION KVM_UNREGISTER_COALESCED_MMIO VFIO_DEVICE_IOEVENTFD timerfd_settime"),
    Kept("maps of which one failed, which undoes the rest", (DEVICES,), "ABI_IOMMU_IOAS_UNMAP"),
    Kept("the newest kernel alone has it, and to no machine there a device comes", (DEVICES,),
         "ABI_IOMMU_IOAS_MAP_FILE"),
    Kept("a device that the kernel does not reset when it is opened", (DEVICES,), "VFIO_DEVICE_RESET"),
    Kept("a served device to which the monitor gives no name: lend gives one", (DEVICES,), "getpeername"),
)


def kept():
    return {(kind, call) for row in KEPT for kind in row.kinds for call in row.calls.split()}


def test_what_is_kept_is_allowed():
    """A call that leaves the list leaves the table, too."""
    lists = allowed()
    assert {(kind, call) for kind, call in kept() if call not in lists[kind]} == set()
    rows = [(kind, call) for row in KEPT for kind in row.kinds for call in row.calls.split()]
    assert len(rows) == len(set(rows)), "one reason for each"


@pytest.fixture
def tracer(lend, tmp_path):
    """The program that takes lend's place."""
    out = ROOT / "build/lab/traced"
    out.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", f'-DLEND="{lend}"', "-o", tmp_path / "traced",
                    ROOT / "tests/lab/traced.c"], check=True)
    (tmp_path / "traced").replace(out)
    return out


@pytest.mark.long
@pytest.mark.xdist_group("sandbox-used")
def test_nothing_is_allowed_that_nobody_uses(tracer, tmp_path):
    key = f"{os.getpid()}x{time.time_ns():x}"
    tests = [ROOT / "tests/lab" / test for test in TESTS]
    # What says how far a run is speaks of the tests of this one.
    others = {name: value for name, value in os.environ.items()
              if name not in ("LAB_PROGRESS", "LAB_SAYS") and not name.startswith("PYTEST_")}
    with open(tmp_path / "log", "w+") as log:
        done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--long", *tests],
                              env={**others, "LEND": str(tracer), "LEND_CALLS": key}, cwd=ROOT,
                              stdout=log, stderr=log)
        log.seek(0)
        said = log.read()
        assert done.returncode == 0, said[-4000:]
    seen, lists, idle = made(ROOT / "build/lab/runs", key), allowed(), []
    for kind in KINDS:
        print(f"{kind}: {len(lists[kind] & seen[kind])} of {len(lists[kind])} calls and ioctls")
        assert seen[kind] <= lists[kind], kind
        idle += [f"{kind}: {call}" for call in sorted(lists[kind] - seen[kind]) if (kind, call) not in kept()]
    # A test that the emulator ended is a skipped one there, and its calls are missing.
    assert not idle, "\n".join(["allowed, and nobody calls it:", *idle, f"the run was: {said.splitlines()[-1]}"])
