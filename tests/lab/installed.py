# SPDX-License-Identifier: MIT
"""An installed Debian with systemd as the host, in which lend is as `make install` lays it
out: for tests of the units. It has KVM, an IOMMU, and a network card to spare, 0000:01:00.0.

    tree = tree_of(here.folder, lend, kernel, image)     # pairs for guest_image()
    with debian(here, kernel, guest_image, tree) as shell:
        shell.ask("systemctl ...")

The system takes a minute or two to start, so a test is a long one.
"""

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

from lab.debian import write_disk

ROOT = Path(__file__).resolve().parents[2]

# The tree below /add goes onto the disk, which then starts as an installed system does.
SWITCH = """#!/bin/sh
. /lib.sh
guest_start
wait_for /dev/nvme0n1
mount -t ext4 /dev/nvme0n1 /mnt && cp -a /add/. /mnt/ && exec switch_root /mnt /sbin/init
"""


class Shell:
    """Root's shell on the serial line of the machine."""

    def __init__(self, machine):
        self._machine, self._count = machine, 0
        self._log_in(0)

    def _log_in(self, after):
        """`after`: how long the output was when the system was asked to start."""
        self._machine.expect(rf"(?s)\A.{{{after}}}.*lend-system login:", 600)
        self._machine.send("root\n")
        self._machine.expect(rf"(?s)\A.{{{after}}}.*root@lend-system:~# ", 120)
        self.ask("stty -echo cols 250; PS1=; export SYSTEMD_COLORS=0 SYSTEMD_URLIFY=0")

    def tell(self, line, timeout=120):
        """(what it printed, its status)"""
        self._count += 1
        n = self._count
        self._machine.send(f"echo begin-{n}-; {{ {line}\n}} 2>&1; echo end-{n}-$?-\n")
        found = self._machine.expect(rf"(?s)begin-{n}-\n(.*)end-{n}-(\d+)-\n", timeout)
        return found[1].strip(), int(found[2])

    def reboot(self):
        after = len(self._machine.out)
        self._machine.send("systemctl reboot\n")
        self._log_in(after)

    def ask(self, line, timeout=120):
        out, status = self.tell(line, timeout)
        assert status == 0, f"{line}: status {status}: {out}"
        return out


def libraries(program):
    """The shared libraries that the program needs."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", out)]


def tree_of(folder, lend, kernel, image):
    """lend with its libraries and with passt, and a guest's kernel and initrd in /srv/guest."""
    out = folder / "tree"
    subprocess.run(["make", "-s", "install", f"DESTDIR={out}", "PREFIX=/usr"], cwd=ROOT, check=True)
    shutil.copy(lend, out / "usr/bin/lend")
    passt = Path(shutil.which("passt"))
    shutil.copy(passt, out / "usr/bin/passt")
    for path in {*libraries(lend), *libraries(passt)}:
        target = out / "usr/lib/x86_64-linux-gnu" / path.name
        if "/lib/" in str(path) and not re.match(r"lib(c|m)\.so|ld-", path.name):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.resolve(), target)
    (out / "srv/guest").mkdir(parents=True)
    shutil.copy(kernel("lab").image, out / "srv/guest/vmlinuz")
    shutil.copy(image, out / "srv/guest/initrd")
    return out


@contextlib.contextmanager
def debian(here, kernel, guest_image, tree):
    disk = here.folder / "system.img"
    write_disk(disk)
    pairs = [(path, f"add/{path.relative_to(tree)}") for path in sorted(tree.rglob("*"))
             if path.is_file() and "/man" not in str(path.parent)]
    initrd = guest_image(SWITCH, "stock", add=pairs, modules=[
        "nvme", "ext4", "kvm_amd", "vfio-pci", "vfio_iommu_type1", "tun", "loop", "e1000e"])
    machine = here.qemu([], initrd, kernel("stock"), memory="2G", wait=False,
                        append="intel_iommu=on iommu=pt", words=[
                            "-action", "reboot=reset",
                            "-cpu", "EPYC,+svm,+npt", "-smp", "2",
                            "-drive", f"if=none,id=system,format=raw,file={disk}",
                            "-device", "nvme,serial=system,drive=system,addr=0x04",
                            "-device", "intel-iommu,intremap=on",
                            "-device", "pcie-root-port,id=spare,chassis=1,addr=0x10",
                            "-device", "e1000e,bus=spare,romfile="])
    try:
        yield Shell(machine)
    finally:
        machine.end()
        disk.unlink()
