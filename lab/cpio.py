# SPDX-License-Identifier: MIT
"""Writes initramfs archives (cpio, newc) without root and reproducibly.

Rules: the same content gives the same bytes: entries are sorted, times and
owners are zero, inode numbers count up. Archives are not compressed: under two
levels of emulation unpacking costs more than copying.
"""

import stat
from pathlib import Path


class Archive:
    def __init__(self):
        self._entries = {}

    def folder(self, path):
        path = path.strip("/")
        if path and path not in self._entries:
            self.folder(str(Path(path).parent).strip("."))
            self._entries[path] = (stat.S_IFDIR | 0o755, b"", 0)

    def _put(self, path, mode, data, device=0):
        path = path.strip("/")
        self.folder(str(Path(path).parent).strip("."))
        self._entries[path] = (mode, data, device)

    def file(self, path, data, executable=False):
        self._put(path, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor):
        self._put(path, stat.S_IFCHR | 0o600, b"", (major << 8) | minor)

    def bytes(self):
        out = bytearray()
        entries = sorted(self._entries.items()) + [("TRAILER!!!", (0, b"", 0))]
        for inode, (path, (mode, data, device)) in enumerate(entries, 1):
            name = path.encode() + b"\0"
            numbers = (inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                       device >> 8, device & 0xff, len(name), 0)
            out += b"070701" + b"".join(b"%08x" % n for n in numbers) + name
            out += bytes(-len(out) % 4)
            out += data
            out += bytes(-len(out) % 4)
        return bytes(out)
