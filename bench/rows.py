# SPDX-License-Identifier: MIT
"""What the benchmark measures, as data.

A row's samples are by monitor; a goal is a ratio to a peer's median, or without a peer a
value. `speed`: more is better, and the goal is the least. A curve has samples for each x.
"""

import dataclasses

TIME, COUNT, MEMORY = "time", "count", "memory"


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    text: str
    unit: str
    kind: str
    how: str
    goals: tuple = ()  # (peer or "", value)
    speed: bool = False


@dataclasses.dataclass(frozen=True)
class Curve:
    key: str
    text: str
    unit: str
    kind: str
    how: str
    x: str  # what grows


CH = "cloud-hypervisor"
CONSOLE = "the guest's first process writes a line to its serial port"
KVM = "KVM's counters (debugfs) at that moment"
CALLS = "the kernel's trace point sys_enter_ioctl, until the guest's driver has the drive; without KVM_RUN"
TRACE = "the kernel's trace points sched_process_exec and kvm_entry, in an L1 that has them"
FAKE = "build/bench/paths, on liblend's device for tests"
SMAPS = "smaps of all processes, without guest memory and what is mapped of a device"

ROWS = (
    Row("first_s", "launch to the guest's first process, with an NVMe drive", "s", TIME, CONSOLE,
        (("q35", 0.28), ("microvm", 0.5), (CH, 0.6))),
    Row("bound_s", "launch to the drive's driver bound", "s", TIME,
        "the same, when the drive's node is there"),
    Row("kernel_s", "launch to the first process, no device, 128 MiB, by the kernel's kind", "s", TIME,
        CONSOLE + "; lend keeps a bzImage unpacked, if it is not told otherwise"),
    Row("user_exits_bound", "exits to user space, launch to driver bound", "", COUNT, KVM,
        (("q35", 0.015), (CH, 0.15))),
    Row("left_bound", "of the exits to user space, what KVM did not serve itself", "", COUNT,
        "the kernel's trace point kvm_userspace_exit, reasons KVM_EXIT_IO and KVM_EXIT_MMIO; KVM's counter of port "
        "accesses has those that it serves, too", (("q35", 0.015), (CH, 0.15))),
    Row("exits_first", "all exits, launch to first process", "", COUNT, KVM,
        (("microvm", 0.45), (CH, 0.5))),
    Row("entry_0_ms", "exec to the first guest instruction, no device, 128 MiB", "ms", TIME, TRACE,
        (("q35", 0.1), ("before", 0.5))),
    Row("entry_1_ms", "exec to the first guest instruction, 1 drive, 128 MiB", "ms", TIME, TRACE),
    Row("entry_8_ms", "exec to the first guest instruction, 8 drives, 128 MiB", "ms", TIME, TRACE),
    Row("beside_1_ms", "beside the slowest device's open and reset, 1 drive", "ms", TIME,
        "that time, less the kernel's to open the slowest drive, alone and just before", (("", 5),)),
    Row("beside_8_ms", "beside the slowest device's open and reset, 8 drives", "ms", TIME, "the same", (("", 5),)),
    Row("nvme_msix", "exits to user space for a request: NVMe, MSI-X", "", COUNT,
        "KVM's counters over direct reads of 4 KiB, while the guest says nothing on its console", (("", 0),)),
    Row("nvme_intx", "exits to user space for a request: NVMe, the line", "", COUNT,
        "the same, with pci=nomsi", (("", 0),)),
    Row("card_msix", "exits to user space for a packet: e1000e, MSI-X", "", COUNT,
        "the same over pings of the gateway, two packets each", (("", 0),)),
    Row("card_msi", "exits to user space for a packet: e1000e, MSI", "", COUNT,
        "the same, with IntMode=1; QEMU's card does not pass the driver's test of MSI, and has the line then",
        (("", 0),)),
    Row("card_intx", "exits to user space for a packet: e1000e, the line", "", COUNT,
        "the same, with IntMode=0", (("", 0),)),
    Row("mask_routes", "routing updates for a mask and an unmask of a vector", "", COUNT,
        FAKE + ": calls of msi_commit with a change", (("", 0),)),
    Row("mask_irqfds", "irqfd changes for a mask and an unmask of a vector", "", COUNT,
        FAKE + ": calls of msi_attach and msi_detach", (("", 0),)),
    Row("ioctls", "ioctls, launch to driver bound", "", COUNT, CALLS, (("q35", 0.4), ("microvm", 0.4))),
    Row("slots", "changes of memory slots, launch to driver bound", "", COUNT, CALLS, (("q35", 0.4), ("microvm", 0.4))),
    Row("routes", "routing updates, launch to driver bound", "", COUNT, CALLS, (("q35", 0.4), ("microvm", 0.4))),
    Row("maps", "DMA maps, launch to driver bound", "", COUNT, CALLS, (("q35", 0.4), ("microvm", 0.4))),
    Row("private_kib", "private memory with one drive", "KiB", MEMORY, SMAPS, (("", 717),)),
    Row("further_kib", "private memory for each further drive", "KiB", MEMORY,
        SMAPS + ": of most drives, less of one, for each", (("", 32),)),
    Row("bar_gib_kib", "private memory for a GiB of BAR", "KiB", MEMORY,
        SMAPS + ": a device with a BAR of 8 GiB, less without", (("", 0),)),
    Row("config_read_ns", "config read of a virtual register", "ns", TIME, FAKE, (("", 50),)),
    Row("bar_calls", "system calls for an access of a BAR that traps", "", COUNT,
        "the trace point sys_enter of the processor's thread with x-no-mmap=on, over direct reads", (("", 1),)),
    Row("populate", "speed of populating guest memory, to a memset of as many threads", "", TIME,
        "build/bench/populate, with the machine's own code", (("", 0.9),), speed=True),
    Row("reboot_s", "reboot from inside, to the guest's first process", "s", TIME,
        "from the guest's shell calling reboot", (("q35", 0.25),)),
    Row("register_ratio", "a register behind a socket, to a bare exchange", "", TIME, "bench/vfio-user"),
    Row("served_1", "speed of reads through lend serve nvme to direct ones, depth 1, woken", "", TIME,
        "bench/nvme", (("", 0.7),), speed=True),
    Row("served_32", "speed of reads through lend serve nvme to direct ones, depth 32, woken", "", TIME,
        "bench/nvme", (("", 0.85),), speed=True),
    Row("disk_1_us", "a guest's random read of 4 KiB of its disk, depth 1", "us", TIME, "bench/guest-disk",
        (("QEMU's nvme", 0.5), ("QEMU's virtio-blk", 0.83))),
    Row("disk_32_us", "a guest's random read of 4 KiB of its disk, depth 32", "us", TIME, "bench/guest-disk",
        (("QEMU's nvme", 0.5), ("QEMU's virtio-blk", 0.83))),
    Row("firmware_s", "UEFI firmware: launch to the boot loader's first line", "s", TIME, "bench/firmware",
        (("q35", 0.7),)),
    Row("firmware_exits", "UEFI firmware: exits to user space until then, without the PM timer's", "", COUNT,
        "bench/firmware", (("q35", 0.5),)),
    Row("firmware_kib", "UEFI firmware: private memory then, without the flash files", "KiB", MEMORY,
        "bench/firmware", (("", 1024),)),
)

CURVES = (
    Curve("devices_first_s", "launch to first process", "s", TIME, CONSOLE, "drives"),
    Curve("devices_exits", "exits to user space until the drives are bound", "", COUNT, KVM, "drives"),
    Curve("devices_kib", "private memory", "KiB", MEMORY, SMAPS, "drives"),
    Curve("memory_first_s", "launch to first process", "s", TIME, CONSOLE, "MiB of guest memory"),
    Curve("memory_kib", "private memory", "KiB", MEMORY, SMAPS, "MiB of guest memory"),
    Curve("vectors_us", "MSI-X on with all vectors unmasked", "us", TIME, FAKE, "vectors"),
    Curve("together_p99_s", "machines started at once: p99 of launch to first process", "s", TIME,
          CONSOLE, "machines"),
)

BY_KEY = {row.key: row for row in ROWS + CURVES}
