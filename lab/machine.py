# SPDX-License-Identifier: MIT
"""L1's hardware: a profile as data, and the QEMU command line for it.

Rules for devices, so that addresses are known before L1 runs: the n-th device
of PCI Express gets a root port of its own and is 0000:0n:00.0 (n from 1, in
hexadecimal); the n-th of the others sits on the root bus at 0000:00:08.0 and
up. A spec that starts with + is the next function of the slot before it. A
spec that names its bus is left where it says, with no address known. Each
device has an id (dev0, dev1, ... in order) unless the spec gives one.
"""

import dataclasses

from lab import cache

EXPRESS = ("nvme", "e1000e", "igb", "igbvf", "qemu-xhci", "nec-usb-xhci",
           "megasas-gen2", "vmxnet3", "pcie-pci-bridge")
NICS = ("e1000e", "e1000", "igb", "virtio-net-pci", "vmxnet3")
FIRST_PORT_SLOT = 0x10
FIRST_ROOT_BUS_SLOT = 0x08
# In a steady L1 the clock goes by the instructions that it has done, 8 ns for each.
ACCEL = {False: ("-accel", "tcg,thread=multi"), True: ("-accel", "tcg", "-icount", "shift=3")}
IOMMUS = {
    "intel": ("intel-iommu,intremap=on,device-iotlb=on",
              "intel_iommu=on iommu=pt"),
    "virtio": ("virtio-iommu-pci,addr=0x07",
               "iommu=pt vfio_iommu_type1.allow_unsafe_interrupts=1"),
    "none": (None, ""),
}


@dataclasses.dataclass(frozen=True)
class Profile:
    """What L1 is made of. Equal profiles can share one L1.

    Drives are files, or `random:64M` and `blank:64M` for fresh images made in
    the run's folder; they get the ids d0, d1, ... in order.
    """

    kernel: str = "stock"
    iommu: str = "intel"
    devices: tuple = ()
    drives: tuple = ()
    qemu_args: tuple = ()
    append: str = ""
    smp: int = 1
    mem: str = "4096"
    qemu: str = ""
    steady: bool = False


def _options(spec):
    """The options of a -device spec, commas doubled inside values."""
    parts = spec.replace(",,", "\0").split(",")
    return parts[0], dict(p.replace("\0", ",").partition("=")[::2]
                          for p in parts[1:])


def is_express(driver):
    return driver in EXPRESS or \
        driver.startswith("virtio-") and "-pci" in driver


class _Places:
    """Gives devices their slots, and the functions of a slot their numbers."""

    def __init__(self):
        self._ports = self._others = 0
        self._bus, self._slot, self._address, self._function = "", 0, "", 0

    def _here(self):
        return f",bus={self._bus},addr={self._slot:#x}.{self._function}", \
            f"{self._address}.{self._function}"

    def next_function(self):
        self._function += 1
        return [], *self._here()

    def next_port(self):
        self._bus, self._slot, self._function = f"rp{self._ports}", 0, 0
        port = ["-device", f"pcie-root-port,id={self._bus},bus=pcie.0,"
                f"chassis={self._ports + 1},"
                f"addr={FIRST_PORT_SLOT + self._ports:#x}"]
        self._ports += 1
        self._address = f"0000:{self._ports:02x}:00"
        return port, *self._here()

    def next_on_root_bus(self):
        self._bus, self._slot = "pcie.0", FIRST_ROOT_BUS_SLOT + self._others
        self._others, self._function = self._others + 1, 0
        self._address = f"0000:00:{self._slot:02x}"
        return [], *self._here()


def place(devices):
    """[(arguments, address or "")] for the -device specs."""
    placed, chassis, places = [], 0x40, _Places()
    for index, spec in enumerate(devices):
        is_next = spec.startswith("+")
        spec = spec.removeprefix("+")
        driver, options = _options(spec)
        arguments, where, address = [], "", ""
        if "id" not in options:
            spec += f",id=dev{index}"
        if driver in NICS and "romfile" not in options:
            spec += ",romfile="
        if is_next:
            arguments, where, address = places.next_function()
        elif driver == "pcie-root-port" and "chassis" not in options:
            chassis += 1
            spec += f",chassis={chassis}"
        elif "bus" in options or "addr" in options or driver == "pcie-root-port":
            pass
        elif is_express(driver):
            arguments, where, address = places.next_port()
        else:
            arguments, where, address = places.next_on_root_bus()
        if not is_next and devices[index + 1:index + 2] \
                and devices[index + 1].startswith("+"):
            where += ",multifunction=on"
        placed.append((arguments + ["-device", spec + where], address))
    return placed


def addresses(profile):
    return [address for _, address in place(profile.devices)]


def quoted(path):
    return str(path).replace(",", ",,")


def command_line(profile, kernel, initramfs, drives, folder, agent_fd, qmp_fd):
    """QEMU's arguments. The folder holds console.log and results/."""
    iommu, append = IOMMUS[profile.iommu]
    # No watchdogs: a processor under emulation may stand still for a second.
    words = ["console=ttyS0 quiet panic=-1 oops=panic nowatchdog",
             "rcupdate.rcu_cpu_stall_suppress=1 mitigations=off",
             "random.trust_cpu=on kvm_amd.nested=0",
             # On a busy computer the kernel measures its TSC twice with two
             # results. KVM built in keeps the first; when they are further
             # apart than this (default 250), guests have no timer interrupts.
             "kvm.tsc_tolerance_ppm=20000",
             # It also wants timer interrupts within some milliseconds, and
             # panics when a busy computer gives none through remapping.
             "no_timer_check", append, profile.append]
    line = [
        cache.qemu(profile.qemu, profile.kernel),
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
        "-machine", "q35", *ACCEL[profile.steady],
        "-cpu", "EPYC,+svm,+npt", "-smp", str(profile.smp),
        "-m", str(profile.mem), "-nic", "none",
        "-kernel", str(kernel.image), "-initrd", str(initramfs),
        "-append", " ".join(w for w in words if w),
        "-chardev", f"file,id=console,path={quoted(folder / 'console.log')}",
        "-serial", "chardev:console",
        "-chardev", f"socket,id=agent,fd={agent_fd}",
        "-device", "virtio-serial-pci,id=lend.serial,bus=pcie.0,addr=0x02",
        "-device", "virtserialport,chardev=agent,name=lend.lab",
        "-chardev", f"socket,id=qmp,fd={qmp_fd}",
        "-mon", "chardev=qmp,mode=control",
        "-fsdev", "local,id=host,path=/,security_model=none,readonly=on,"
        "multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=host,mount_tag=host,bus=pcie.0,addr=0x03",
        "-fsdev", "local,id=results,security_model=none,multidevs=remap,"
        f"path={quoted(folder / 'results')}",
        "-device", "virtio-9p-pci,fsdev=results,mount_tag=results,"
        "bus=pcie.0,addr=0x04",
        "-device", "virtio-rng-pci,bus=pcie.0,addr=0x05",
    ]
    if iommu:
        line += ["-device", iommu]
    for index, path in enumerate(drives):
        line += ["-drive", f"if=none,id=d{index},format=raw,file={quoted(path)}"]
    for arguments, _ in place(profile.devices):
        line += arguments
    return line + list(profile.qemu_args)
