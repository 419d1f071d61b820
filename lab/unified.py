# SPDX-License-Identifier: MIT
"""Makes a unified kernel image: a program for UEFI that is a kernel, its initial RAM disk
and its command line.

    unified.write("debian.efi", kernel="vmlinuz", initrd="initrd.img", append="root=LABEL=debian")

Rules: systemd's stub is the program, and finds the rest as sections of itself, at the
addresses that its own manual page gives (systemd-stub, 7).
"""

import subprocess
import tempfile
from pathlib import Path

from lab import cache

RELEASE = "ID=debian\nPRETTY_NAME=Debian of the lab\nVERSION_ID=1\n"
PLACES = {".osrel": 0x20000, ".cmdline": 0x30000, ".linux": 0x2000000, ".initrd": 0x3000000}


def write(out, kernel, initrd, append):
    assert Path(kernel).stat().st_size <= PLACES[".initrd"] - PLACES[".linux"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "osrel").write_text(RELEASE)
        (Path(folder) / "cmdline").write_text(append)
        files = {".osrel": f"{folder}/osrel", ".cmdline": f"{folder}/cmdline",
                 ".linux": kernel, ".initrd": initrd}
        words = []
        for name, path in files.items():
            words += ["--add-section", f"{name}={path}",
                      "--change-section-vma", f"{name}={PLACES[name]:#x}"]
        subprocess.run(["objcopy", *words, cache.systemd_boot() / "stub.efi", out], check=True)
