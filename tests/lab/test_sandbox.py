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
       "vfork": 58, "epoll_wait": 232, "execve": 59, "kill": 62, "unlink": 87, "ptrace": 101, "setuid": 105,
       "prctl": 157, "mount": 165, "init_module": 175, "futex": 202, "tgkill": 234,
       "keyctl": 250, "openat": 257, "unshare": 272, "perf_event_open": 298,
       "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
       "finit_module": 313, "seccomp": 317, "memfd_create": 319, "bpf": 321,
       "execveat": 322, "pidfd_open": 434, "clone3": 435, "openat2": 437,
       "pidfd_getfd": 438, "io_uring_setup": 425, "userfaultfd": 323}
# CAP_SYS_RAWIO, _CHROOT, _BOOT, _TIME, _MKNOD, CAP_NET_RAW: see tool/run/rights.c.
KEEPER_NEVER = sum(1 << n for n in (17, 18, 22, 25, 27, 13))
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
    guest = boot(machine, cpus=2, options=["-user", "nobody"])
    out = machine.run("cat /proc/$(pgrep -x lend-machine)/task/*/status",
                      check=True).out
    threads = [status_of(f"Name:{text}") for text in out.split("Name:")[1:]]
    assert len(threads) >= 3, "the event loop and two processors"
    for thread in threads:
        name = f"{thread['Name']} {thread['Pid']}"
        assert thread["Seccomp"] == "2", name
        assert thread["NoNewPrivs"] == "1", name
        assert thread["Uid"].split() == ["65534"] * 4, name
        assert thread["Gid"].split() == ["65534"] * 4 and not thread["Groups"], name
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(thread[kind], 16) == 0, f"{name}: {kind}"
    # The keeper has what it needs for devices that come and go, and for its servers.
    keeper = status_of(machine.run(["cat", f"/proc/{guest.keeper}/status"], check=True).out)
    assert keeper["NoNewPrivs"] == "1"
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert int(keeper[kind], 16) & KEEPER_NEVER == 0 and int(keeper["CapInh"], 16) == 0
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
    names = {int(task): machine.run(["cat", f"/proc/{pid}/task/{task}/comm"], check=True).out.strip()
             for task in tasks}
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
        # A processor runs the guest; the loop alone waits for events.
        vcpu = names[task].startswith("lend-vcpu")
        assert asks("ioctl", 5, KVM_RUN) == (ALLOW if vcpu else KILL_PROCESS)
        assert asks("epoll_wait") == (ALLOW if names[task] == "lend-machine" else KILL_PROCESS)
        for request in (KVM_CREATE_VM, TIOCSTI, VFIO_GROUP_GET_DEVICE_FD, 0):
            assert asks("ioctl", 5, request) == KILL_PROCESS, hex(request)
        for name in ("mmap", "mprotect"):
            assert asks(name, 0, 4096, PROT_READ) == ALLOW
            assert asks(name, 0, 4096, PROT_READ | PROT_EXEC) == KILL_PROCESS
        assert asks("tgkill", pid, task, 12) == ALLOW
        assert asks("tgkill", 1, 1, 9) == KILL_PROCESS
        assert asks("prctl", PR_SET_NAME) == KILL_PROCESS
        assert asks("prctl", PR_SET_DUMPABLE, 1) == KILL_PROCESS
        assert asks("prctl", PR_SET_SECCOMP) == KILL_PROCESS
    guest.hash()
    guest.power_off()


# From inside, as somebody would who has taken the machine over: one of these is in each check.
INTRUSIONS = {
    "open": (SYS["open"], "/etc/shadow", 0),
    "connect": (SYS["connect"], 0, "/run/socket", 16),
    "socket": (SYS["socket"], 1, 1, 0),
    "exec": (SYS["execve"], "/bin/sh", 0, 0),
    "another machine": (SYS["ioctl"], 3, KVM_CREATE_VM, 0),
    "another device": (SYS["ioctl"], 3, VFIO_GROUP_GET_DEVICE_FD, "0000:00:00.0"),
    "typing": (SYS["ioctl"], 0, TIOCSTI, "x"),
    "stat": (262, -100 & 2 ** 64 - 1, "/etc/shadow", 0, 0),
}


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("thread", ["lend-machine", "lend-vcpu0"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "open" else pytest.mark.long)
                                  for name in INTRUSIONS])
def test_who_takes_it_over_ends_it(name, thread, l1, boot):
    machine = l1()
    guest = boot(machine)
    task = machine.run(f"grep -lx {thread} /proc/{guest.machine}/task/*/comm", check=True).out.split("/")[4]
    script = Path(__file__).with_name("intrude.py")
    words = [str(word) for word in INTRUSIONS[name]]
    assert machine.run(["python3", script, task, *words], check=True).out == "signal 31\n"
    result = guest.ended(1)
    assert "killed by signal 31" in result.err and "-sandbox log names" in result.err
    guest.nothing_left()
    # The device is free for the next one.
    guest = boot(machine)
    guest.hash()
    guest.power_off()


@pytest.mark.profile("nvme")
@pytest.mark.long
def test_log_and_off(l1, boot):
    """What is noted is done; what is off restricts nothing, and the user is told."""
    machine = l1()
    script = Path(__file__).with_name("intrude.py")
    for option, seccomp, said in ((["-sandbox", "log"], "2", "-sandbox log:"),
                                  (["--no-sandbox"], "0", "keeps all rights")):
        guest = boot(machine, options=option)
        status = status_of(machine.run(["cat", f"/proc/{guest.machine}/status"], check=True).out)
        assert status["Seccomp"] == seccomp
        assert said in guest.command.err
        kill = [str(guest.machine), str(SYS["kill"]), "0x7ffffff", "0"]
        assert machine.run(["python3", script, *kill], check=True).out == "-3\n"  # ESRCH
        guest.hash()
        guest.power_off()
