# SPDX-License-Identifier: MIT
"""Where a guest's memory and its processors are, on a host with two nodes of
memory with a processor each. The drive is on node 1."""

import contextlib
import re

import pytest

from guest import reported

pytestmark = [pytest.mark.profile("numa"), pytest.mark.long]

DRIVE = "0000:41:00.0"
PAGES = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/{}"


def policy_of_memory(machine, guest):
    """The policy of the guest's memory, as the kernel has it, and {node: MiB} of its pages."""
    maps = machine.run(f"grep -E ' (bind|prefer):' /proc/{guest.machine}/numa_maps", check=True).out
    policy, nodes = set(), {}
    for line in maps.splitlines():
        policy.add(line.split()[1])
        size = int(re.search(r"kernelpagesize_kB=(\d+)", line)[1])
        for node, count in re.findall(r"N(\d+)=(\d+)", line):
            nodes[int(node)] = nodes.get(int(node), 0) + int(count) * size // 1024
    assert len(policy) == 1, maps
    return policy.pop(), nodes


@contextlib.contextmanager
def huge_pages(machine, node, count):
    """That many on a node."""
    path = PAGES.format(node, "nr_hugepages")
    machine.run(f"echo {count} >{path} && [ $(cat {path}) = {count} ]", check=True)
    try:
        yield
    finally:
        machine.run(f"echo 0 >{path}", check=True)


def driver(machine):
    return machine.run(f"basename $(readlink /sys/bus/pci/devices/{DRIVE}/driver)").out.strip()


def refused(machine, lend, kernel, *options, before=""):
    """The one line of a machine that is not started; its device stays with its driver."""
    had = driver(machine)
    words = " ".join((f"{lend} run -serial none -kernel {kernel('lab').image}", *options))
    result = machine.run(f"{before} exec {words} -device vfio-pci,host={DRIVE},managed=on")
    assert result.status == 1 and result.err.count("\n") == 1, result.err
    assert driver(machine) == had
    return result.err


def test_memory_comes_from_the_node_of_the_drive(l1, boot, sha256):
    machine = l1()
    guest = boot(machine, devices=[DRIVE], options=["-v"])
    assert policy_of_memory(machine, guest) == ("prefer:1", {1: 256})
    assert guest.hash() == sha256(machine.drives[0])
    result = guest.power_off()
    assert "guest memory comes from node 1 of the host, that of the devices" in result.err


def test_huge_pages_of_the_node(l1, boot, lend, kernel):
    machine = l1()
    with huge_pages(machine, 1, 130):
        guest = boot(machine, devices=[DRIVE], memory="256M,hugetlb=on,node=1")
        assert policy_of_memory(machine, guest) == ("bind:1", {1: 256})
        free = machine.run("cat " + PAGES.format(1, "free_hugepages"), check=True).out
        assert int(free) == 2
        guest.power_off()
    # As many are there, but on the other node.
    with huge_pages(machine, 0, 130), huge_pages(machine, 1, 100):
        line = refused(machine, lend, kernel, "-m 256M,hugetlb=2M,node=1")
    assert "node=1: a guest of 256 MiB needs 128 huge pages of 2 MiB of that node, and 100" in line
    assert "echo 128 > " + PAGES.format(1, "nr_hugepages") in line


def test_a_node_has_too_little(l1, lend, kernel):
    line = refused(l1(), lend, kernel, "-m 3G,node=1")
    assert re.search(r"node=1: a guest of 3072 MiB needs 3\d+ MiB of memory of that node, and 1\d+ MiB", line)
    assert "leave out node=" in line


def test_a_processor_stays_where_it_is_pinned(l1, boot):
    machine = l1()
    guest = boot(machine, devices=[DRIVE], cpus="1,pin=1")
    seen = set()
    for _ in range(2):
        thread = reported(guest.command, r"processor 0: .*thread (\d+) on the host's processor 1")
        status = machine.run(f"cat /proc/{guest.machine}/task/{thread}/status", check=True).out
        assert re.search(r"(?m)^Name:\s*lend-vcpu0$", status)
        assert re.search(r"(?m)^Cpus_allowed_list:\s*1$", status), status
        seen.add(thread)
        guest.reboot()
    assert len(seen) == 1
    guest.power_off()


def test_processors_that_cannot_be_used(l1, lend, kernel):
    machine = l1()
    line = refused(machine, lend, kernel, "-c 2,pin=1-2")
    assert "this computer has no processor 2; those that it has: 0-1" in line
    machine.run("echo 0 >/sys/devices/system/cpu/cpu1/online", check=True)
    try:
        line = refused(machine, lend, kernel, "-c 1,pin=1")
    finally:
        machine.run("echo 1 >/sys/devices/system/cpu/cpu1/online", check=True)
    assert "processor 1 of this computer is offline" in line
    assert "echo 1 > /sys/devices/system/cpu/cpu1/online" in line
    group = "/sys/fs/cgroup/pinned"
    machine.run(f"echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control && mkdir {group} && "
                f"echo 0 >{group}/cpuset.cpus", check=True)
    try:
        line = refused(machine, lend, kernel, "-c 1,pin=1", before=f"echo $$ >{group}/cgroup.procs;")
    finally:
        machine.run(f"rmdir {group}; echo -cpuset >/sys/fs/cgroup/cgroup.subtree_control", check=True)
    assert "the control group /pinned keeps this process from processor 1 (cpuset.cpus.effective: 0)" in line
