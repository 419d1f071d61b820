# SPDX-License-Identifier: MIT
"""The machines that the tests run on, as data.

Rules: a test names its profile; tests of one profile share one L1. The small
kernel is the host unless a stock one is the point. One processor each: two L1s
side by side beat one with two.
"""

from lab.machine import Profile

NVME = ("nvme,serial=lend0,drive=d0",)
DISK = ("random:64M",)

PROFILES = {
    # no device: the lab itself, bad input
    "plain": Profile(kernel="lab"),
    "nvme": Profile(kernel="lab", devices=NVME, drives=DISK),
    # several guest processors want more than one here
    "nvme-smp": Profile(kernel="lab", devices=NVME, drives=DISK, smp=2),
    # room for a guest with RAM on both sides of the hole
    "nvme-big": Profile(kernel="lab", devices=NVME, drives=DISK, mem="8192"),
    "nvme-stock": Profile(kernel="stock", devices=NVME, drives=DISK),
    "nvme-virtio-iommu": Profile(kernel="lab", iommu="virtio", devices=NVME,
                                 drives=DISK),
    "nvme-no-iommu": Profile(kernel="lab", iommu="none", devices=NVME,
                             drives=DISK),
    "two-nvme": Profile(
        kernel="lab", drives=DISK * 2,
        devices=NVME + ("nvme,serial=lend1,drive=d1",)),
    "nvme-net": Profile(
        kernel="lab", drives=DISK, devices=NVME + ("e1000e,netdev=n0",),
        qemu_args=("-netdev", "user,id=n0")),
    # two functions of one slot without ACS: one group, not viable alone
    "multifunction": Profile(
        kernel="lab", drives=DISK * 2,
        devices=("pcie-root-port,id=mf,bus=pcie.0",
                 "nvme,serial=lend0,drive=d0,bus=mf,addr=0.0,multifunction=on",
                 "nvme,serial=lend1,drive=d1,bus=mf,addr=0.1")),
    # a group with a bridge in it
    "conventional": Profile(
        kernel="lab",
        devices=("pcie-pci-bridge,id=pb", "e1000,netdev=n0,bus=pb,addr=1"),
        qemu_args=("-netdev", "user,id=n0")),
    "edu": Profile(kernel="lab", devices=("edu",)),
    # hosts that lab/record-sysfs records (but the last), and that devices are taken from
    "host-plain": Profile(
        kernel="lab", drives=DISK,
        devices=NVME + ("e1000e,netdev=n0", "e1000e", "edu",
                        "intel-hda"),
        qemu_args=("-netdev", "user,id=n0")),
    "host-multifunction": Profile(
        kernel="lab", drives=DISK * 2,
        devices=("pcie-root-port,id=mf,bus=pcie.0,addr=0x18",
                 "nvme,serial=lend0,drive=d0,bus=mf,addr=0.0,multifunction=on",
                 "nvme,serial=lend1,drive=d1,bus=mf,addr=0.1")),
    "host-conventional": Profile(
        kernel="lab",
        devices=("pcie-pci-bridge,id=pb", "e1000,netdev=n0,bus=pb,addr=1",
                 "e1000,bus=pb,addr=2"),
        qemu_args=("-netdev", "user,id=n0")),
    "host-sriov": Profile(
        kernel="lab", devices=("igb,netdev=n0",),
        qemu_args=("-netdev", "user,id=n0")),
    "host-no-iommu": Profile(kernel="lab", iommu="none", devices=NVME,
                             drives=DISK),
    "host-virtio-iommu": Profile(kernel="lab", iommu="virtio", devices=NVME,
                                 drives=DISK),
    # an IOMMU that the kernel leaves off, and two drives in one group
    "host-newcomer": Profile(
        kernel="lab", iommu="none", append="intel_iommu=off",
        drives=DISK * 2,
        devices=("pcie-root-port,id=mf,bus=pcie.0,addr=0x18",
                 "nvme,serial=lend0,drive=d0,bus=mf,addr=0.0,multifunction=on",
                 "nvme,serial=lend1,drive=d1,bus=mf,addr=0.1"),
        qemu_args=("-device", "intel-iommu,intremap=on,device-iotlb=on")),
}
