# SPDX-License-Identifier: MIT
"""lend and QEMU's machines with the same guest and device, as command lines."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MIB = 512
DEVICE = "0000:01:00.0"
APPEND = "console=ttyS0 panic=-1 quiet"


def commands(qemu, kernel, initrd):
    guest = ["-kernel", kernel, "-initrd", initrd, "-append", APPEND]
    common = ["-accel", "kvm", "-cpu", "host", "-m", str(MIB), "-display",
              "none", "-serial", "stdio", "-nic", "none", "-no-reboot", *guest,
              "-device", f"vfio-pci,host={DEVICE}"]
    return {
        "lend": [ROOT / "build/lend", "run", "-m", str(MIB), "-c", "1", *guest,
                 "-no-reboot", "-device", f"vfio-pci,host={DEVICE}"],
        "q35": [qemu, "-machine", "q35", "-vga", "none", *common],
        "microvm": [qemu, "-nodefaults", "-machine",
                    "microvm,pcie=on,acpi=on,rtc=on,pit=off,pic=off", *common],
    }
