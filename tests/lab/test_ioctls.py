# SPDX-License-Identifier: MIT
"""How many ioctls of VFIO and iommufd it takes to the guest's first
instruction, for one device and for eight, beside QEMU in the same L1."""

import collections
import re
import shlex

import pytest

from lab import cache
from lab.machine import Profile

EIGHT = Profile(kernel="lab", drives=("blank:1M",) * 8,
                devices=tuple(f"nvme,serial=s{n},drive=d{n}" for n in range(8)))

# Ends what it traces at the first instruction; what it wrote is read then.
TRACE = """rm -f {log}
for a in {devices}; do
	[ "$(basename $(readlink /sys/bus/pci/devices/$a/driver))" = vfio-pci ] || {bind} $a vfio-pci || exit
done
strace -f -o {log} -e trace=ioctl {line} </dev/null >/dev/null 2>{log}.err &
until grep -q KVM_RUN {log} 2>/dev/null; do
	kill -0 $! 2>/dev/null || {{ cat {log}.err; exit 1; }}
	usleep 20000 2>/dev/null || sleep 0.02
done
pkill -KILL -P $!
wait
while grep -qs [1-9] /sys/kernel/debug/kvm/*-*/exits; do sleep 0.05; done
"""


def count(machine, line, devices):
    log = machine.results / "ioctls"
    machine.run(TRACE.format(log=log, bind=cache.LAB / "bind", line=shlex.join(map(str, line)),
                             devices=" ".join(devices)), check=True, timeout=120)
    calls = collections.Counter()
    for text in log.read_text().splitlines():
        if "KVM_RUN" in text:
            break
        # VFIO and iommufd share the letter ';'; those that strace has no name for are shown as numbers.
        name = re.search(r"ioctl\(\d+, (VFIO_\w+|IOMMU_\w+|_IOC\(\w+, 0x3b, 0x\w+, 0\))", text)
        if name:
            calls[name[1]] += 1
    assert calls
    return calls


def lend_line(lend, image, devices, iommufd):
    line = [lend, "run", "-m", 128, "-kernel", image, "-append", "quiet", "-serial", "none"]
    for d in devices:
        line += ["-device", f"vfio-pci,host={d},iommufd={iommufd}"]
    return line


def qemu_line(image, devices, iommufd):
    line = [cache.cached_qemu(), "-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", 128,
            "-nodefaults", "-display", "none", "-kernel", image, "-append", "quiet"]
    if iommufd == "on":
        line += ["-object", "iommufd,id=i0"]
    for d in devices:
        line += ["-device", f"vfio-pci,host={d}" + (",iommufd=i0" if iommufd == "on" else "")]
    return line


@pytest.mark.xdist_group("ioctls")
@pytest.mark.parametrize("number", [1, 8])
@pytest.mark.parametrize("iommufd", ["off", "on"])
def test_no_more_than_qemu(l1, lend, kernel, iommufd, number, record_property):
    if not cache.cached_qemu():
        pytest.skip("no QEMU of backports")
    machine = l1(EIGHT)
    image = kernel("lab").image
    devices = machine.addresses[:number]
    ours = count(machine, lend_line(lend, image, devices, iommufd), devices)
    theirs = count(machine, qemu_line(image, devices, iommufd), devices)
    record_property("ioctls", (sum(ours.values()), sum(theirs.values())))
    print(f"iommufd={iommufd}, {number}: lend {sum(ours.values())}, QEMU {sum(theirs.values())}")
    print("  lend", dict(ours), "\n  QEMU", dict(theirs))
    assert sum(ours.values()) <= sum(theirs.values()), (ours, theirs)
