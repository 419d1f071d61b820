# SPDX-License-Identifier: MIT
"""What cannot work is one line that says what is wrong, with what, and what to
do, and nothing is changed.

Rules: `refused` checks all of that for each case, so a case is its set-up and
the words of its line. Where the line offers a command as the cure, the test
runs that command and sees whether it cures.
"""

import contextlib
import re
import shlex
import signal

import pytest

from lab import cache

USER = 65534
BIND = cache.LAB / "bind"

# Everything that lend could have changed on the host.
STATE = """
for d in /sys/bus/pci/devices/*; do
	echo "$d $(readlink $d/driver) $(cat $d/driver_override $d/enable)"
done
ls -ln /dev/kvm /dev/vfio 2>&1
cat /sys/module/vfio_iommu_type1/parameters/*
for g in /dev/vfio/[0-9]*; do
	[ ! -e $g ] || (exec 3<>$g) 2>/dev/null || echo busy: $g
done
pgrep -a lend || true
"""


@pytest.fixture
def here(l1, lend, kernel):
    return Here(l1(), lend, kernel("lab").image)


class Here:
    """An L1 with lend and a kernel where every user can read them."""

    def __init__(self, machine, lend, image):
        self.machine = machine
        self.lend = "/run/bad-input/lend"
        self.image = "/run/bad-input/vmlinuz"
        self.sh(f"mkdir -p /run/bad-input && cp -u {lend} {self.lend} && "
                f"cp -u {image} {self.image} && chmod 755 /run/bad-input/*")

    def sh(self, line):
        line = f"PATH=/run/bad-input:$PATH; {line}"
        return self.machine.run(line, check=True).out.strip()

    def words(self, *options, kernel=None, memory="256M", devices=()):
        words = [self.lend, "run", "-m", memory, "-serial", "none",
                 "-kernel", kernel or self.image, *options]
        for d in devices:
            words += ["-device", f"vfio-pci,host={d}"]
        return words

    def refused(self, *options, says, status=1, wrap="exec {}", busy=False, **others):
        """Runs lend, which has to refuse; the line that it says."""
        line = shlex.join(self.words(*options, **others))
        before = self.sh(STATE)
        result = self.machine.run(wrap.format(line), timeout=60)
        assert result.status == status, \
            f"{result.ending()}, not {status}: {result.err}"
        assert result.out == ""
        assert re.fullmatch(r"lend: [^\n]+\n", result.err), result.err
        for word in [says] if isinstance(says, str) else says:
            assert word in result.err
        assert busy or self.sh(STATE) == before
        return result.err.removeprefix("lend: ").rstrip("\n")

    def accepted(self, **others):
        """With the cause gone it starts; being asked twice ends it."""
        command = self.machine.start(
            "exec " + shlex.join(self.words("-v", "-append", "quiet", **others)),
            timeout=60)
        command.expect(r"BAR|direct|region|IOMMU|mapped")
        # Two of the same kind could become one.
        command.kill(signal.SIGTERM)
        command.kill(signal.SIGINT)
        result = command.wait()
        assert result.status == 0, result.err

    def device(self, driver="vfio-pci"):
        address = self.machine.addresses[0]
        self.bind(address, driver)
        return address

    def bind(self, address, driver):
        self.sh(f"[ \"$(basename $(readlink /sys/bus/pci/devices/{address}/driver"
                f" || echo none))\" = {driver} ] || {BIND} {address} {driver}")

    def node(self, address):
        group = self.sh(f"basename $(readlink /sys/bus/pci/devices/{address}"
                        "/iommu_group)")
        return f"/dev/vfio/{group}"


@contextlib.contextmanager
def changed(here, do, undo):
    here.sh(do)
    try:
        yield
    finally:
        here.sh(undo)


def as_user(limit="unlimited", files=1024):
    return (f"exec prlimit --memlock={limit}:{limit} --nofile={files} setpriv --reuid {USER}"
            f" --regid {USER} --clear-groups " + "{}")


# The command line

@pytest.mark.profile("nvme")
@pytest.mark.parametrize("options, says", [
    (["-device", "vfio-pci,host=01:00.0,x-no-mmpa=on"],
     ["x-no-mmpa", "the nearest is x-no-mmap"]),
    (["-device", "vfio-pci,host=01:00.0,x-igd-lpc=on"], ["x-igd-lpc=on", "integrated"]),
    (["-device", "vfio-pci,host=01:00.0", "-device",
      "vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:01:00.0"],
     ["0000:01:00.0 is given twice"]),
    (["-device", "vfio-pci,host=n/vme"], ["host=n/vme"]),
    (["-device", "vfio-pci"], ["host="]),
    (["-kernl", "x"], ["-kernl", "the nearest is -kernel"]),
    (["-c", "0"], ["-c 0", "1 to 254"]),
    (["-m", "lots"], ["-m lots"]),
])
def test_usage(here, options, says):
    here.refused(*options, says=says, status=2)


# The device

@pytest.mark.profile("plain")
def test_no_such_device(here):
    here.refused(devices=["0000:77:00.0"], says=["no PCI device 0000:77:00.0"])
    here.refused(devices=["nvme7"], says=["no PCI device is 'nvme7'", "lend ls"])


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("driver", ["nvme", "none"])
def test_not_bound_to_vfio(here, driver):
    address = here.device(driver)
    line = here.refused(devices=[address], says=[
        address, "vfio-pci", "nvme" if driver == "nvme" else "no driver"])
    cure = line.partition("as root: ")[2]
    assert cure, line
    here.sh(cure)
    here.accepted(devices=[address])


@pytest.mark.profile("multifunction")
def test_group_not_viable(here):
    first, second = here.sh("grep -l ^0x0108 /sys/bus/pci/devices/*/class | "
                            "xargs -n1 dirname | xargs -n1 basename").split()
    here.bind(first, "vfio-pci")
    here.bind(second, "nvme")
    line = here.refused(devices=[first], says=[first, "group", second, "nvme"])
    cure = line.partition("as root: ")[2]
    assert cure, line
    here.sh(cure)
    here.accepted(devices=[first])


@pytest.mark.profile("nvme")
def test_device_in_use(here):
    address = here.device()
    node = here.node(address)
    holder = here.machine.start(f"exec 3<>{node}; exec sleep infinity")
    pid = here.sh(f"until p=$(cat {holder.cgroup}/cgroup.procs) && [ $(cat /proc/$p/comm) = sleep ]; do :; done;"
                  " echo $p")
    here.refused(devices=[address], says=[address, pid, "sleep", node])
    holder.kill()
    holder.wait()
    here.accepted(devices=[address])


@pytest.mark.profile("nvme")
def test_device_in_use_by_a_machine(here, boot):
    guest = boot(here.machine)
    address = here.machine.addresses[0]
    here.refused(devices=[address], says=[address, str(guest.machine), "lend-machine"])
    assert guest.ask("echo still here") == "still here"
    guest.power_off()


# The host

@pytest.mark.profile("nvme-no-iommu")
@pytest.mark.zoo("nvme", "no interrupt", iommu="none",
                 note="cannot be without an IOMMU, and lend says so")
def test_no_iommu(here):
    # vfio-pci takes no device without an IOMMU: it stays with its driver.
    address = here.machine.addresses[0]
    here.machine.run([BIND, address, "vfio-pci"])
    here.refused(devices=[address], says="IOMMU")


@pytest.mark.profile("nvme-virtio-iommu")
def test_no_interrupt_remapping(here):
    address = here.device()
    switch = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    with changed(here, f"echo 0 >{switch}", f"echo 1 >{switch}"):
        here.refused(devices=[address],
                     says=[address, "interrupt", "allow_unsafe_interrupts"])
    here.accepted(devices=[address])


@pytest.mark.profile("nvme")
def test_no_kvm(here):
    with changed(here, "mv /dev/kvm /dev/kvm.away", "mv /dev/kvm.away /dev/kvm"):
        here.refused(devices=[here.device()], says=["/dev/kvm", "as root: mknod"])


@pytest.mark.profile("nvme")
def test_no_permission_for_kvm(here):
    with changed(here, "chmod 660 /dev/kvm", "chmod 666 /dev/kvm"):
        here.refused(devices=[here.device()], wrap=as_user(),
                     says=["/dev/kvm", "as root: "])


@pytest.mark.profile("nvme")
def test_no_permission_for_the_group(here):
    address = here.device()
    node = here.node(address)
    with changed(here, "chmod 666 /dev/kvm", "chmod 660 /dev/kvm"):
        here.refused(devices=[address], wrap=as_user(), says=[address, node, "chown"])


@pytest.mark.profile("nvme")
def test_no_permission_for_vfio(here):
    address = here.device()
    node = here.node(address)
    with changed(here, f"chmod 666 /dev/kvm; chown {USER} {node}; chmod 600 /dev/vfio/vfio",
                 f"chmod 660 /dev/kvm; chown 0 {node}; chmod 666 /dev/vfio/vfio"):
        here.refused(devices=[address], wrap=as_user(), says="chmod 666 /dev/vfio/vfio")


@pytest.mark.profile("nvme")
def test_memlock_too_small(here):
    address = here.device()
    node = here.node(address)
    with changed(here, f"chmod 666 /dev/kvm; chown {USER} {node}",
                 f"chmod 660 /dev/kvm; chown 0 {node}"):
        here.refused(devices=[address], wrap=as_user(65536),
                     says=["262144 KiB", " 64 KiB", "ulimit -l"])


@pytest.mark.profile("nvme")
def test_too_few_open_files(here):
    address = here.device()
    node = here.node(address)
    with changed(here, f"chmod 666 /dev/kvm; chown {USER} {node}",
                 f"chmod 660 /dev/kvm; chown 0 {node}"):
        here.refused(devices=[address], wrap=as_user(files=120),
                     says=["120 files open at once", f"of {address}", "ulimit -n", "LimitNOFILE="])


# Memory and the kernel

@pytest.mark.profile("nvme")
def test_more_memory_than_there_is(here):
    def available():
        return int(here.sh("awk '/MemAvailable/ {print $2}' /proc/meminfo")) >> 10

    device = here.device()
    before = available()
    line = here.refused(memory="64G", devices=[device], says=["65536 MiB", "this computer"])
    said, after = int(re.search(r"has (\d+) MiB available", line)[1]), available()
    # What the machines before this one had may still come back meanwhile.
    assert min(before, after) - 64 < said < max(before, after) + 64


@pytest.mark.profile("nvme")
def test_more_memory_than_the_group_may(here):
    group = "/sys/fs/cgroup/bad-input"
    with changed(here, "echo +memory >/sys/fs/cgroup/cgroup.subtree_control; "
                 f"mkdir {group}; echo 100M >{group}/memory.max", f"rmdir {group}"):
        here.refused(devices=[here.device()], says=["256 MiB", "control group /bad-input"],
                     wrap=f"sh -c 'echo $$ >{group}/cgroup.procs; " + "exec {}'")


@pytest.mark.profile("nvme")
@pytest.mark.parametrize("make, says", [
    ("rm -f {}", ["cannot open", "No such file"]),
    ("mkdir -p {}", ["not a regular file"]),
    (": >{}", ["empty"]),
    ("head -c 3000000 /dev/urandom >{}", ["not a kernel image"]),
    ("head -c 3000000 {image} >{}", ["truncated"]),
    ("head -c 700 {image} >{}", ["truncated"]),
])
def test_no_kernel_image(here, make, says):
    path = "/run/bad-input/kernel"
    here.sh(f"rm -rf {path}; " + make.format(path, image=here.image))
    here.refused(kernel=path, devices=[here.device()], says=[path, *says])


@pytest.mark.profile("nvme")
def test_kernel_larger_than_memory(here):
    here.refused(memory="4M", devices=[here.device()], says=[here.image, "-m"])


@pytest.mark.profile("nvme")
def test_initrd_larger_than_memory(here):
    path = "/run/bad-input/initrd"
    here.sh(f"truncate -s 300M {path}")
    here.refused("-initrd", path, devices=[here.device()], says=[path, "-m"])


@pytest.mark.profile("nvme")
def test_terminal_is_left_alone(here):
    """The line on a terminal, whose settings are as before."""
    words = shlex.join(here.words(devices=["0000:77:00.0"])).replace("-serial none", "")
    result = here.machine.run(f"stty -g; {words}; echo status $?; stty -g", pty=True)
    before, line, status, after = result.out.replace("\r", "").splitlines()
    assert before == after and status == "status 1"
    assert line.startswith("lend: ")
