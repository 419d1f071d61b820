# SPDX-License-Identifier: MIT
"""Makes a program for UEFI of some lines for the assembler (PE32+, x86-64).

    program("ud2")      # the bytes of an EFI application

Rules: the code runs at any address, and is entered as UEFI enters a program: image handle
in RCX, system table in RDX. The rest of its page is its own. It is the assembler of the
compiler that builds the rest. (Microsoft's PE format; UEFI 2.10, 2.1.1.)
"""

import struct
import subprocess
import tempfile
from pathlib import Path

PAGE, SECTOR = 0x1000, 0x200
APPLICATION = 10
EXECUTABLE, LARGE_ADDRESSES = 0x2, 0x20
CODE, EXECUTE, READ, WRITE = 0x20, 0x20000000, 0x40000000, 0x80000000


def _assemble(text):
    with tempfile.TemporaryDirectory() as folder:
        made, code = Path(folder) / "made.o", Path(folder) / "code"
        subprocess.run(["as", "--64", "-o", made, "-"], input=text + "\n", text=True, check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".text", made, code], check=True)
        return code.read_bytes()


def program(text):
    code = _assemble(text)
    assert len(code) <= SECTOR
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20b, 0, 0, SECTOR, 0, 0, PAGE, PAGE, 0, PAGE,
        SECTOR, 0, 0, 0, 0, 0, 0, 0, 2 * PAGE, SECTOR, 0, APPLICATION, 0, 0, 0, 0, 0, 0, 16)
    optional += bytes(16 * 8)  # no directory: nothing in it has an address of its own
    headers = b"MZ".ljust(0x3c, b"\0") + struct.pack("<I4s", 0x40, b"PE\0\0")
    headers += struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional),
                           EXECUTABLE | LARGE_ADDRESSES)
    headers += optional
    headers += struct.pack("<8sIIIIIIHHI", b".text", PAGE, PAGE, SECTOR, SECTOR,
                           0, 0, 0, 0, CODE | EXECUTE | READ | WRITE)
    return headers.ljust(SECTOR, b"\0") + code.ljust(SECTOR, b"\0")
