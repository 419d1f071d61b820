# SPDX-License-Identifier: MIT
"""The machines that the tests run on, as data.

Rules: a test names its profile; tests of one profile share one L1. The small
kernel is the host unless a stock one is the point. One processor each, since two
L1s side by side beat one with two; but two where guests' starts and processors
are the point, as a user's host has more than one.
"""

from lab.machine import Profile

NVME = ("nvme,serial=lend0,drive=d0",)
DISK = ("random:64M",)
# Of Express alone: no BAR of ports, and through the IOMMU like any other.
VIRTIO = ",disable-legacy=on,iommu_platform=on"


def users(count):
    """QEMU's user network for each card: 10.0.2.0/24 is n0's, 10.0.3.0/24 n1's."""
    return tuple(word for n in range(count) for word in
                 ("-netdev", f"user,id=n{n},net=10.0.{n + 2}.0/24"))


def kernel_tests(kernel):
    """For the kernel's own tests. All RAM is below 4 GiB, for igb's virtual functions; the page of
    1 GiB is surely free where the kernel is not at a random place."""
    return Profile(
        kernel=kernel, mem="2800", drives=("random:8M",), qemu_args=users(1),
        devices=("igb,netdev=n0",) + NVME + ("e1000e", "edu"),
        append="nokaslr hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=8")


PROFILES = {
    # no device: the lab itself, bad input
    "plain": Profile(kernel="lab"),
    "nvme": Profile(kernel="lab", devices=NVME, drives=DISK),
    # starts, kernels and guests with several processors
    "nvme-smp": Profile(kernel="lab", devices=NVME, drives=DISK, smp=2),
    # room for a guest with RAM on both sides of the hole
    "nvme-big": Profile(kernel="lab", devices=NVME, drives=DISK, mem="8192"),
    "nvme-stock": Profile(kernel="stock", devices=NVME, drives=DISK),
    "nvme-virtio-iommu": Profile(kernel="lab", iommu="virtio", devices=NVME,
                                 drives=DISK),
    "nvme-no-iommu": Profile(kernel="lab", iommu="none", devices=NVME,
                             drives=DISK),
    # Two nodes with a processor each; the drive (0000:41:00.0) is on the second. The
    # small kernel knows no nodes. Two processors: guests on it have one (docs/lab.md).
    "numa": Profile(
        kernel="stock", smp=2, drives=DISK,
        devices=("pxb-pcie,id=px1,bus=pcie.0,addr=0x18,bus_nr=64,numa_node=1",
                 "pcie-root-port,id=pr1,bus=px1,addr=0x0",
                 "nvme,serial=lend0,drive=d0,bus=pr1"),
        qemu_args=("-object", "memory-backend-ram,id=n0,size=2G",
                   "-object", "memory-backend-ram,id=n1,size=2G",
                   "-numa", "node,memdev=n0,cpus=0", "-numa", "node,memdev=n1,cpus=1")),
    "two-nvme": Profile(
        kernel="lab", drives=DISK * 2,
        devices=NVME + ("nvme,serial=lend1,drive=d1",)),
    "nvme-net": Profile(
        kernel="lab", drives=DISK, devices=NVME + ("e1000e,netdev=n0",),
        qemu_args=("-netdev", "user,id=n0")),
    # a BAR larger than what is below 4 GiB; its memory is never touched but in places
    "large-bar": Profile(
        kernel="lab", devices=("ivshmem-plain,memdev=m0",),
        qemu_args=("-object", "memory-backend-memfd,id=m0,size=8G,share=on")),
    # one test takes the network card away for good
    "pulled": Profile(
        kernel="lab", drives=DISK, devices=NVME + ("e1000e,netdev=n0",),
        qemu_args=("-netdev", "user,id=n0")),
    # what a device's error can meet: no AER capability, a driver that handles errors, one that does not
    "errors": Profile(
        kernel="lab", drives=DISK * 2,
        devices=NVME + ("e1000e,netdev=n0", f"virtio-blk-pci,drive=d1,aer=on{VIRTIO}"),
        qemu_args=("-netdev", "user,id=n0")),
    # two functions of one slot that only their bus can reset
    # (a pcie-root-port's link is not up again in time for the kernel)
    "bus-reset": Profile(
        kernel="lab",
        devices=("ioh3420,id=q1,bus=pcie.0,chassis=9",
                 "e1000e,bus=q1,addr=0.0,multifunction=on",
                 "e1000e,bus=q1,addr=0.1")),
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
    # What only the newest kernel has. No RAM above 4 GiB, for igb's virtual functions.
    "newest": Profile(
        kernel="newest", mem="2048", drives=("random:8M",),
        devices=NVME + ("igb,netdev=n0", "edu,dma_mask=0xffffffffffff",
                        "ivshmem-plain,memdev=m0"),
        qemu_args=("-netdev", "user,id=n0", "-object",
                   "memory-backend-memfd,id=m0,size=16M,share=on")),
    "kernel-tests-lab": kernel_tests("lab"),
    "kernel-tests-newest": kernel_tests("newest"),
    # On an IOMMU that the kernel pretends. A warning of the kernel counts, as its tests ask for.
    "kernel-tests-iommufd": Profile(kernel="selftests", iommu="none", mem="2800",
                                    append="panic_on_warn=1 hugepagesz=2M hugepages=128"),
    # The zoo (tests/lab/zoo.py), in three of about the same length.
    "zoo-express": Profile(
        kernel="lab", drives=("random:16M",) * 5, qemu_args=users(2),
        devices=("nvme,serial=zoo0,drive=d0", "e1000e,netdev=n0",
                 "qemu-xhci,id=usb", "usb-storage,bus=usb.0,drive=d1",
                 "qemu-xhci,id=msi,msi=on,msix=off",
                 "usb-storage,bus=msi.0,drive=d2",
                 f"virtio-blk-pci,drive=d3{VIRTIO}",
                 f"virtio-net-pci,netdev=n1{VIRTIO}")),
    # No RAM above 4 GiB: there firmware puts BARs too, and the VFs of QEMU 10's
    # igb do not decode addresses so high.
    "zoo-others": Profile(
        kernel="lab", mem="2048", drives=("random:16M",) * 2 + ("random:8M",) * 2,
        qemu_args=users(4) + ("-audiodev", "none,id=sound"),
        devices=("igb,netdev=n0",
                 "nvme,serial=lend0,drive=d0", "+nvme,serial=lend1,drive=d1",
                 "ich9-ahci,id=ahci", "ide-hd,bus=ahci.0,drive=d2",
                 "intel-hda,id=hda", "hda-duplex,bus=hda.0,audiodev=sound",
                 "sdhci-pci", "sd-card,bus=sd-bus,drive=d3",
                 "secondary-vga,romfile=vgabios-stdvga.bin", "edu", "+edu",
                 # last: it takes a bus number more
                 "pcie-pci-bridge,id=pb",
                 "e1000,netdev=n1,bus=pb,addr=1.0,multifunction=on",
                 "e1000,netdev=n2,bus=pb,addr=1.1",
                 "e1000,netdev=n3,bus=pb,addr=2")),
    "zoo-virtio-iommu": Profile(
        kernel="lab", iommu="virtio", drives=("random:16M",),
        qemu_args=users(1),
        devices=("edu", "nvme,serial=zoo0,drive=d0", "e1000e,netdev=n0")),
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
    # the same with an IOMMU of AMD, which QEMU 10.0 does not have whole (docs/lab.md)
    "host-newcomer-amd": Profile(
        kernel="lab", qemu="newer", iommu="none", append="amd_iommu=off",
        drives=DISK * 2,
        devices=("pcie-root-port,id=mf,bus=pcie.0,addr=0x18",
                 "nvme,serial=lend0,drive=d0,bus=mf,addr=0.0,multifunction=on",
                 "nvme,serial=lend1,drive=d1,bus=mf,addr=0.1"),
        qemu_args=("-device", "amd-iommu,intremap=on,dma-remap=on")),
    # graphics and its sound below a port without ACS, which is in their group
    "host-graphics": Profile(
        kernel="stock", append="drm_kms_helper.fbdev_emulation=0",
        devices=("ioh3420,id=q1,bus=pcie.0,chassis=9,addr=0x18",
                 "secondary-vga,bus=q1,addr=0.0,multifunction=on",
                 "intel-hda,id=hda,bus=q1,addr=0.1",
                 "hda-duplex,bus=hda.0,audiodev=sound"),
        qemu_args=("-audiodev", "none,id=sound")),
}
