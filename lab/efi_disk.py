# SPDX-License-Identifier: MIT
"""Writes disks that UEFI firmware starts from: a GPT and one FAT partition with files.

    write(path, {"EFI/BOOT/BOOTX64.EFI": shell, "STARTUP.NSH": b"echo hello\\r\\n"})

Rules: no program is needed, and the same files give the same bytes. FAT16 with
clusters of 2 KiB; names are of 8 and 3 letters, and are not case-sensitive there. Other
partitions may stand behind the first: their content is given as files.
(UEFI 2.10, 5.3; Microsoft's FAT specification, 1.03.)
"""

import struct
import uuid
import zlib
from pathlib import Path

SECTOR = 512
CLUSTER = 4 * SECTOR
FIRST = 2048  # sector of the first partition
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
LINUX = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
NAMES = uuid.UUID("6c656e64-0000-4000-8000-000000000000")
ENTRIES = 128
FOLDER, ARCHIVE = 0x10, 0x20


def _short(name):
    """A name as a directory has it: 8 and 3 letters without the dot."""
    stem, _, end = name.upper().partition(".")
    assert len(stem) <= 8 and len(end) <= 3, f"{name}: not 8.3"
    return stem.ljust(8).encode() + end.ljust(3).encode()


def _entry(name, kind, cluster, size):
    return struct.pack("<11sB8xH4xHI", name, kind, 0, cluster, size)


class _Fat:
    def __init__(self, sectors):
        self.reserved, self.roots = 1, 512
        self.fat_sectors = (sectors // 4 * 2 + SECTOR - 1) // SECTOR
        data = self.reserved + 2 * self.fat_sectors + self.roots * 32 // SECTOR
        self.clusters = (sectors - data) // 4
        assert 4085 <= self.clusters < 65525, "not a size for FAT16"
        self.sectors = sectors
        self.table = [0xfff8, 0xffff]
        self.data = bytearray()

    def put(self, content):
        """Takes clusters for the content; returns the first one, 0 for none."""
        count = -(-len(content) // CLUSTER)
        first = len(self.table)
        if not count:
            return 0
        self.table += [first + n + 1 for n in range(count - 1)] + [0xffff]
        assert len(self.table) - 2 <= self.clusters, "the files do not fit"
        self.data += content.ljust(count * CLUSTER, b"\0")
        return first

    def folder(self, tree, parent=None):
        """The entries of a folder, whose files and folders are put first."""
        entries = b""
        for name, node in sorted(tree.items()):
            if isinstance(node, dict):
                entries += self._subfolder(name, node, parent is None)
            else:
                entries += _entry(_short(name), ARCHIVE, self.put(node), len(node))
        return entries

    def _subfolder(self, name, node, in_root):
        # Its own number stands in it, and that of the folder above: so its place
        # is taken before what is in it has one.
        assert len(node) + 2 <= CLUSTER // 32
        own = self.put(b"\0" * CLUSTER)
        inside = _entry(b".".ljust(11), FOLDER, own, 0)
        above = 0 if in_root else self._above
        inside += _entry(b"..".ljust(11), FOLDER, above, 0)
        was, self._above = getattr(self, "_above", 0), own
        inside += self.folder(node, own)
        self._above = was
        at = (own - 2) * CLUSTER
        self.data[at:at + len(inside)] = inside
        return _entry(_short(name), FOLDER, own, 0)

    def bytes(self, tree):
        root = self.folder(tree).ljust(self.roots * 32, b"\0")
        boot = struct.pack(
            "<3s8sHBHBHHBHHHIIBBBI11s8s", b"\xeb\x3c\x90", b"LEND    ", SECTOR, 4,
            self.reserved, 2, self.roots, 0, 0xf8, self.fat_sectors, 63, 255, FIRST,
            self.sectors, 0x80, 0, 0x29, 0x6c656e64, b"LEND       ", b"FAT16   ")
        table = struct.pack(f"<{len(self.table)}H", *self.table)
        table = table.ljust(self.fat_sectors * SECTOR, b"\0")
        return boot.ljust(510, b"\0") + b"\x55\xaa" + table * 2 + root + bytes(self.data)


def _tree(files):
    tree = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        at = tree
        for folder in folders:
            at = at.setdefault(folder, {})
        at[name] = content
    return tree


def _header(own, other, entries_at, last, entries):
    def pack(crc):
        return struct.pack(
            "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other, 34,
            last - 33, uuid.uuid5(NAMES, "disk").bytes_le, entries_at, ENTRIES, 128,
            zlib.crc32(entries))
    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def _partition(kind, number, first, last):
    return struct.pack("<16s16sQQQ72s", kind.bytes_le,
                       uuid.uuid5(NAMES, str(number)).bytes_le, first, last, 0, b"")


def write(path, files, mib=48, then=()):
    """A disk whose FAT partition has `mib` MiB and these files ({path: bytes}); behind it a
    partition for Linux with the content of each file in `then`."""
    starts, at = [FIRST], FIRST + mib * 2048
    for content in then:
        starts.append(at)
        at += -(-Path(content).stat().st_size // (1 << 20)) * 2048
    last = at + 2048 - 1
    ends = [start - 1 for start in starts[1:]] + [at - 1]
    entries = b"".join(_partition(LINUX if n else ESP, n, a, b)
                       for n, (a, b) in enumerate(zip(starts, ends, strict=True)))
    entries = entries.ljust(ENTRIES * 128, b"\0")
    mbr = bytes(446) + struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1,
                                   min(last, 0xffffffff))
    with open(path, "wb") as disk:
        disk.truncate((last + 1) * SECTOR)
        disk.write(mbr.ljust(510, b"\0") + b"\x55\xaa")
        disk.write(_header(1, last, 2, last, entries) + entries)
        disk.seek(FIRST * SECTOR)
        disk.write(_Fat(mib * 2048).bytes(_tree(files)))
        for start, content in zip(starts[1:], then, strict=True):
            disk.seek(start * SECTOR)
            with open(content, "rb") as source:
                while data := source.read(1 << 22):
                    if data.strip(b"\0"):
                        disk.write(data)
                    else:
                        disk.seek(len(data), 1)
        disk.seek((last - 32) * SECTOR)
        disk.write(entries + _header(last, 1, last - 32, last, entries))
