# SPDX-License-Identifier: MIT
"""Where the lab's kernels and QEMUs are, fetching or building what lacks.

Rules: one place knows the cache's layout; the shell side (lab/fetch,
lab/kernel, lab/newest) fills it and prints folders, this side reads them.
"""

import dataclasses
import os
import shutil
import subprocess
from pathlib import Path

LAB = Path(__file__).resolve().parent
ROOT = LAB.parent
FETCHED = ("stock", "cloud", "bpo")


class SetupError(Exception):
    """Something that the lab needs is not there; the text says what to do."""


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel image and, where it has modules, the root they lie under."""

    name: str
    image: Path
    version: str = ""
    modules: Path | None = None

    @property
    def modules_folder(self):
        return self.modules / "lib/modules" / self.version if self.modules else None


def _folder(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise SetupError(f"{Path(command[0]).name} {' '.join(command[1:])} failed")
    return Path(done.stdout.splitlines()[-1])


def kernel(name):
    """`stock`, `cloud`, `bpo`, `lab`, `newest`, `selftests`, `memtest`, or the path of a kernel image."""
    if name in FETCHED:
        folder = _folder(LAB / "fetch", name)
        return Kernel(name, folder / "vmlinuz",
                      (folder / "version").read_text().strip(), folder)
    if name == "memtest":
        folder = _folder(LAB / "fetch", name)
        return Kernel(name, folder / "vmlinuz",
                      (folder / "version").read_text().strip())
    if name == "lab":
        folder = _folder(LAB / "kernel")
        return Kernel(name, folder / "vmlinuz",
                      (folder / "version").read_text().strip())
    if name == "newest":
        folder = _folder(LAB / "newest")
        return Kernel(name, folder / "vmlinuz",
                      (folder / "version").read_text().strip(), folder)
    if name == "selftests":
        folder = _folder(LAB / "selftests", "kernel")
        return Kernel(name, folder / "vmlinuz",
                      (folder / "version").read_text().strip())
    path = Path(name)
    if not path.is_file():
        raise SetupError(f"{name}: no such kernel; give stock, cloud, bpo, lab,"
                         " newest, selftests or the path of an image")
    return Kernel(path.name, path.resolve())


def selftests():
    """The folder of the kernel's own tests of VFIO and iommufd."""
    return _folder(LAB / "selftests")


def backports_qemu():
    return _folder(LAB / "fetch", "qemu") / "qemu-system-x86_64"


def system():
    """The folder of an installed Debian's disk (lab/system)."""
    return _folder(LAB / "system")


def tree():
    """The root of an installed Debian without a kernel, for chroot. It is not to be changed."""
    return _folder(LAB / "system", "tree") / "root"


def ovmf(release):
    """The folder of UEFI firmware of a release of Debian: bookworm, trixie or sid."""
    return _folder(LAB / "fetch", f"ovmf-{release}")


def systemd_boot():
    """The folder of systemd's boot loader for UEFI and of its stub for kernels."""
    return _folder(LAB / "fetch", "systemd-boot")


def grub():
    """The folder of GRUB as a UEFI boot loader."""
    return _folder(LAB / "fetch", "grub")


def program(name):
    """A program for UEFI: ipxe or xen."""
    return _folder(LAB / "fetch", name) / f"{name}.efi"


def qmp():
    """The folder of Python's public client of QMP, the module qemu.qmp."""
    return _folder(LAB / "fetch", "qmp")


def newer_qemu():
    """QEMU of the next release's backports, which has vfio-user-pci, and an IOMMU of AMD
    that translates."""
    return _folder(LAB / "fetch", "qemu-newer") / "qemu-system-x86_64"


def qemu(choice, kernel_name):
    """The QEMU that runs L1: the choice, or LEND_QEMU, or by the kernel.

    The choice is `system`, `backports`, `newer` or a path. Without one, the stock
    kernel runs on the computer's own QEMU where there is one, and all others
    on the one of backports, whose devices the zoo needs.
    """
    choice = choice or os.environ.get("LEND_QEMU")
    system = shutil.which("qemu-system-x86_64")
    if not choice:
        choice = "system" if kernel_name == "stock" and system else "backports"
    if choice == "backports":
        return str(backports_qemu())
    if choice == "newer":
        return str(newer_qemu())
    if choice == "system":
        choice = system or "qemu-system-x86_64"
    if not shutil.which(choice):
        raise SetupError(f"{choice}: no such QEMU; install qemu-system-x86 or"
                         " set LEND_QEMU")
    return choice


def cached_qemu():
    """QEMU of backports if it was fetched already, else None."""
    folder = os.environ.get("LEND_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
        "lend")
    path = Path(folder) / "qemu/qemu-system-x86_64"
    return path if path.exists() else None
