# SPDX-License-Identifier: MIT
"""A machine with UEFI firmware in an L1, the disks that it starts from, and the shell
on its serial line.

    shell = firmware(NVME).ready()           # fixture `firmware`, conftest.py
    shell.tell("map -b")
    shell.power_off()

Rules: a disk has the UEFI shell as its boot loader, whose script says which disk it is
and then leaves the shell to the test, which types its commands on the serial line. The
firmware's files are copied into the host under test, since a store of variables is written
to, and no two tests share one. A module of tests has a fixture `profile`: the host that
its machines are on if they name none.
"""

import hashlib
import itertools
import os
import re

from guest import APPEND, Guest
from lab import cache, efi_disk

# Below firmware, an L1 whose clock goes by itself ends itself (docs/lab.md). A steady one does the
# work of all its processors in one thread.
HOST = {"kernel": "lab", "qemu": "newer", "steady": True}
# For guests that go on to a kernel of Linux. Of the firmware's tick of 10 ms, KVM makes one of 500 ms.
LINUX = {"kernel": "lab", "qemu": "newer", "append": "kvm.min_timer_period_us=500000"}
ESCAPES = r"(?:\x1b\[[\d;]*\w)*"  # a terminal's colours and places
PROMPT = r"\x1b\[1m\x1b\[33m\x1b\[40m\S+> "
RELEASES = ("trixie", "bookworm", "sid")  # of Debian, whose firmware the lab has
numbers = itertools.count()


def images(release):
    return cache.ovmf(release)


def shell():
    """The UEFI shell, a program."""
    return images("trixie") / "shell.efi"


def disk(name, files):
    """A disk with these files beside the shell as its boot loader; made once for its content."""
    files = {"EFI/BOOT/BOOTX64.EFI": shell().read_bytes(), **files}
    key = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
    path = cache.ROOT / f"build/lab/guests/{name}-{key}.img"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")  # another worker makes it, too
        efi_disk.write(new, files)
        new.rename(path)
    return path


def linux_disk(path, kernel, initrd):
    """A disk from which the shell starts this kernel with this RAM disk."""
    script = f"@echo -off\r\nfs0:\r\nlinux.efi initrd=\\initrd.img {APPEND}\r\n"
    efi_disk.write(path, {
        "EFI/BOOT/BOOTX64.EFI": shell().read_bytes(), "LINUX.EFI": kernel.image.read_bytes(),
        "INITRD.IMG": initrd.read_bytes(), "STARTUP.NSH": script.encode()})


def shell_disk(name, then=(), **files):
    """A disk that starts the shell, which tells the name, and does the lines of `then`."""
    lines = ("@echo -off", f"echo lend-shell: ready {name}", *then)
    return disk(f"shell-{name}", {"STARTUP.NSH": "".join(f"{x}\r\n" for x in lines).encode(), **files})


class Console(Guest):
    """What is typed on the serial line of a machine, and what comes there."""

    _at = 0  # in its output: where the last keys were typed

    def from_here(self):
        """What is looked for next has not come yet."""
        self._at = len(self.command.out)

    def press(self, keys):
        self.from_here()
        self.command.send(keys)

    def tell(self, line):
        """Types a line. The serial line's buffer is small, and the shell reads it key by key."""
        self.press(line + "\r")

    def sees(self, pattern, timeout=60):
        """Waits for what the serial line brings after what was typed last, and returns the match; nothing
        else is looked at."""
        return self.command.expect(f"(?s){pattern}", timeout, after=self._at)


class Shell(Console):
    """The UEFI shell on the serial line of a machine."""

    def started(self, boots=1, timeout=120):
        """Ends the 5 s that it waits for a key before its script: on a busy computer they are a minute."""
        self.command.expect(f"(?s)( in 5 seconds to skip.*){{{boots}}}", timeout)
        self.command.send("\r")

    def ready(self, name="nvme", boots=1, timeout=120):
        self.started(boots, timeout)
        self.command.expect(f"(?s)(lend-shell: ready {name}\r*\n.*){{{boots}}}", timeout)
        return self

    def ask(self, line, timeout=60):
        """What a line prints, up to the next prompt."""
        self.tell(line)
        typed = ESCAPES.join(map(re.escape, line))
        found = self.command.expect(rf"(?s){typed}{ESCAPES}\r*\n(.*?){PROMPT}", timeout, after=self._at)
        return re.sub(ESCAPES, "", found[1]).replace("\r", "")

    def power_off(self):
        self.tell("reset -s")
        return self.ended(0)


class Maker:
    """Makes machines with ovmf that have these devices of a host."""

    def __init__(self, l1, lend, profile):
        self._l1, self._lend, self._profile = l1, lend, profile

    def __call__(self, *devices, release="trixie", store=None, options=(), properties=(),
                 memory="256M", host=None, kind=Shell, limit=300):
        machine = self._l1(host or self._profile)
        folder = f"/tmp/firmware-{next(numbers)}"
        store = store or f"{folder}/vars.fd"
        ovmf = images(release) / "OVMF"
        machine.run(f"mkdir -p {folder} && cp {ovmf}/OVMF_CODE_4M.fd {folder}/code.fd && "
                    f"{{ [ -e {store} ] || cp {ovmf}/OVMF_VARS_4M.fd {store}; }}", check=True)
        addresses = [[a for a in machine.addresses if a][d] for d in devices]
        stats = machine.results / f"firmware-{next(numbers)}"
        words = [self._lend, "run", "-m", memory, "-firmware", f"{folder}/code.fd,vars={store}",
                 "-serial", "stdio", "--stats", stats, *options]
        for n, address in enumerate(addresses):
            more = properties[n] if properties else ""
            words += ["-device", f"vfio-pci,host={address},x-allow-unreset=on{more}"]
        made = kind(machine, words, addresses, stats=stats, limit=limit)
        made.store = store
        return made
