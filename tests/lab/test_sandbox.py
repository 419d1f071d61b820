# SPDX-License-Identifier: MIT
"""What the machine process may still do while a guest runs: next to nothing."""

from pathlib import Path

import pytest

from seccomp import ALLOW, I386, KILL_PROCESS, filters_of

PROT_READ, PROT_EXEC = 1, 4
KVM_RUN, KVM_CREATE_VM = 0xae80, 0xae01
TIOCSTI, VFIO_GROUP_GET_DEVICE_FD = 0x5412, 0x3b6a
PR_SET_NAME, PR_SET_DUMPABLE, PR_SET_SECCOMP = 15, 4, 22
SYS = {"read": 0, "write": 1, "open": 2, "mmap": 9, "mprotect": 10, "ioctl": 16,
       "pread64": 17, "socket": 41, "connect": 42, "bind": 49, "clone": 56, "fork": 57,
       "vfork": 58, "execve": 59, "kill": 62, "unlink": 87, "ptrace": 101, "setuid": 105,
       "prctl": 157, "mount": 165, "init_module": 175, "futex": 202, "tgkill": 234,
       "keyctl": 250, "openat": 257, "unshare": 272, "perf_event_open": 298,
       "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
       "finit_module": 313, "seccomp": 317, "memfd_create": 319, "bpf": 321,
       "execveat": 322, "pidfd_open": 434, "clone3": 435, "openat2": 437,
       "pidfd_getfd": 438, "io_uring_setup": 425, "userfaultfd": 323}
# Whatever its arguments are.
NEVER = ("open openat openat2 socket connect bind clone clone3 fork vfork execve execveat kill"
         " unlink ptrace setuid mount init_module finit_module keyctl unshare setns"
         " perf_event_open process_vm_readv process_vm_writev seccomp memfd_create bpf"
         " pidfd_open pidfd_getfd io_uring_setup userfaultfd").split()


def status_of(text):
    return {key: value.strip() for key, value in
            (line.split(":", 1) for line in text.splitlines())}


@pytest.mark.profile("nvme")
def test_privileges_are_gone(l1, boot):
    machine = l1()
    guest = boot(machine, cpus=2)
    out = machine.run("cat /proc/$(pgrep -x lend-machine)/task/*/status",
                      check=True).out
    threads = [status_of(f"Name:{text}") for text in out.split("Name:")[1:]]
    assert len(threads) >= 3, "the event loop and two processors"
    for thread in threads:
        name = f"{thread['Name']} {thread['Pid']}"
        assert thread["Seccomp"] == "2", name
        assert thread["NoNewPrivs"] == "1", name
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(thread[kind], 16) == 0, f"{name}: {kind}"
    # It still works, and ends, without them.
    guest.hash()
    guest.power_off()


# Debian's kernel lets root read a filter; the lab's small one does not.
@pytest.mark.profile("nvme-stock")
def test_what_the_filter_lets_through(l1, boot):
    """Each thread's own filter, asked about calls that it must never make."""
    machine = l1()
    guest = boot(machine, cpus=2)
    pid = guest.machine
    tasks = machine.run(f"ls /proc/{pid}/task", check=True).out.split()
    assert len(tasks) >= 3
    script = Path(__file__).with_name("seccomp.py")
    found = filters_of(machine.run(["python3", script, *tasks], check=True).out)
    assert sorted(found) == sorted(map(int, tasks)), "a thread without a filter"
    for task, filters in found.items():
        through = [name for name in NEVER if filters.answer(SYS[name]) != KILL_PROCESS]
        assert through == [], task

        def asks(name, *arguments, **options):
            return filters.answer(SYS[name], *arguments, **options)

        for name in ("read", "write", "pread64", "futex"):
            assert asks(name) == ALLOW
            # The same number is another call for a 32-bit program, and for x32.
            assert asks(name, arch=I386) == KILL_PROCESS
            assert filters.answer(SYS[name] | 1 << 30) == KILL_PROCESS
        assert asks("ioctl", 5, KVM_RUN) == ALLOW
        for request in (KVM_CREATE_VM, TIOCSTI, VFIO_GROUP_GET_DEVICE_FD, 0):
            assert asks("ioctl", 5, request) == KILL_PROCESS, hex(request)
        for name in ("mmap", "mprotect"):
            assert asks(name, 0, 4096, PROT_READ) == ALLOW
            assert asks(name, 0, 4096, PROT_READ | PROT_EXEC) == KILL_PROCESS
        assert asks("tgkill", pid, task, 12) == ALLOW
        assert asks("tgkill", 1, 1, 9) == KILL_PROCESS
        assert asks("prctl", PR_SET_NAME) == ALLOW
        assert asks("prctl", PR_SET_DUMPABLE, 1) == KILL_PROCESS
        assert asks("prctl", PR_SET_SECCOMP) == KILL_PROCESS
    guest.hash()
    guest.power_off()
