# SPDX-License-Identifier: MIT
"""Makes the initramfs of L1 and the images of guests.

Both hold busybox, an /init, and the modules of one kernel in the order in
which they load (names in /modules/order).
"""

import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

from lab import cache
from lab.cpio import Archive

GUEST = cache.LAB / "guest"


def _busybox():
    path = shutil.which("busybox")
    if not path:
        raise cache.SetupError("busybox: not found; install busybox-static")
    return Path(path)


def _applets():
    return subprocess.run([_busybox(), "--list"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout.split()


def module_files(kernel, names):
    """The module files that the names need, dependencies first."""
    if not names or not kernel.modules:
        return []
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    done = subprocess.run(
        ["modprobe", "-C", "/dev/null", "-d", kernel.modules, "-S",
         kernel.version, "-a", "--show-depends", *names],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        check=False, env={**os.environ, "PATH": path})
    if done.returncode != 0:
        words = re.findall(r"Module (\S+) not found", done.stderr)
        raise cache.SetupError(
            f"kernel {kernel.name} has no module {', '.join(words)}; it cannot"
            " be used for this" if words else
            f"kernel {kernel.name}: {done.stderr.strip() or 'modprobe failed'}")
    files = [line.split()[1] for line in done.stdout.splitlines()
             if line.startswith("insmod ")]
    return [Path(f) for f in dict.fromkeys(files)]


def _add_modules(archive, kernel, names):
    files = module_files(kernel, names)
    order = []
    for path in files:
        data = path.read_bytes()
        name = path.name
        if name.endswith(".xz"):
            data, name = lzma.decompress(data), name[:-3]
        archive.file("modules/" + name, data)
        order.append(name)
    archive.file("modules/order", "".join(n + "\n" for n in order).encode())


def _base(applets=False):
    archive = Archive()
    archive.file("bin/busybox", _busybox().read_bytes(), True)
    if applets:
        for name in _applets():
            if name != "busybox":
                archive.link("bin/" + name, "busybox")
        archive.link("sbin", "bin")
    else:
        archive.link("bin/sh", "busybox")
    for folder in ("dev", "proc", "sys", "tmp", "run", "mnt", "etc"):
        archive.folder(folder)
    # The kernel opens it for /init before devtmpfs can be mounted.
    archive.character_device("dev/console", 5, 1)
    archive.character_device("dev/null", 1, 3)
    return archive


L1_MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def l1(kernel):
    archive = _base()
    _add_modules(archive, kernel, L1_MODULES)
    archive.file("init", (cache.LAB / "l1-init").read_bytes(), True)
    for name in ("agent.py", "wire.py"):
        archive.file("lab/" + name, (cache.LAB / name).read_bytes())
    return archive.bytes()


def guest(kernel, init, add=(), modules=()):
    """A guest's image; `add` holds pairs of a file and its path inside."""
    archive = _base(applets=True)
    _add_modules(archive, kernel, modules)
    archive.file("init", Path(init).read_bytes(), True)
    archive.file("lib.sh", (GUEST / "lib.sh").read_bytes())
    for source, target in add:
        archive.file(target, Path(source).read_bytes(),
                     os.access(source, os.X_OK))
    return archive.bytes()


def write(path, data):
    """Whole or not at all, and only when it is not that already."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_bytes() == data:
        return
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_bytes(data)
    new.rename(path)


def diskio():
    """The guest's disk tool, built once for its source."""
    source = GUEST / "diskio.c"
    out = cache.ROOT / "build/lab/diskio"
    newest = max(f.stat().st_mtime for f in GUEST.glob("*.[ch]"))
    if not out.is_file() or out.stat().st_mtime < newest:
        out.parent.mkdir(parents=True, exist_ok=True)
        new = out.with_name(f".diskio.{os.getpid()}")
        done = subprocess.run(
            ["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O2",
             "-static", "-pthread", "-o", new, source], check=False)
        if done.returncode != 0:
            raise cache.SetupError(f"{source}: did not build")
        new.rename(out)
    return out
