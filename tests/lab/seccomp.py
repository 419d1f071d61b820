# SPDX-License-Identifier: MIT
"""The seccomp filter that a process runs under: reads it out of the kernel,
and says what it answers to a system call.

In L1, as root:   python3 seccomp.py TASK...   prints a line a filter: TASK HEXADECIMAL
In a test:        filters_of(text)[TASK].answer(...)

The kernel gives filters to a tracer with CAP_SYS_ADMIN (PTRACE_SECCOMP_GET_FILTER,
where CONFIG_CHECKPOINT_RESTORE is on). They are classic BPF programs over
struct seccomp_data, which is small enough to run them here.
"""

import ctypes
import os
import struct
import sys

SEIZE, INTERRUPT, DETACH, GET_FILTER = 0x4206, 0x4207, 17, 0x420c
X86_64, I386 = 0xc000003e, 0x40000003
KILL_PROCESS, ALLOW = 0x80000000, 0x7fff0000
INSTRUCTION = struct.Struct("<HBBI")  # struct sock_filter


def dump(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long

    def ptrace(request, address=None, data=None):
        result = libc.ptrace(request, pid, address, data)
        if result < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")
        return result

    ptrace(SEIZE)
    ptrace(INTERRUPT)
    os.waitpid(pid, 0x40000000)  # __WALL
    index = 0
    while True:
        try:
            count = ptrace(GET_FILTER, index)
        except FileNotFoundError:
            break  # no more
        room = ctypes.create_string_buffer(count * INSTRUCTION.size)
        ptrace(GET_FILTER, index, ctypes.addressof(room))
        print(pid, room.raw.hex())
        index += 1
    ptrace(DETACH)


def run(program, data):
    """What a classic BPF program returns for the bytes of a struct seccomp_data."""
    a = x = at = 0
    scratch = [0] * 16
    while True:
        code, yes, no, k = program[at]
        at += 1
        kind, mode = code & 7, code & 0xe0
        operand = x if code & 8 else k
        if kind == 0:  # load
            a = {0x20: lambda: struct.unpack_from("<I", data, k)[0],
                 0x00: lambda: k, 0x60: lambda: scratch[k], 0x80: lambda: len(data)}[mode]()
        elif kind == 1:
            x = {0x00: lambda: k, 0x60: lambda: scratch[k], 0x80: lambda: len(data)}[mode]()
        elif kind == 2:
            scratch[k] = a
        elif kind == 3:
            scratch[k] = x
        elif kind == 4:
            a = {0x00: a + operand, 0x10: a - operand, 0x20: a * operand, 0x40: a | operand,
                 0x50: a & operand, 0x60: a << (operand & 31), 0x70: a >> (operand & 31),
                 0x80: -a, 0xa0: a ^ operand}[code & 0xf0] & 0xffffffff
        elif kind == 5:
            if code & 0xf0 == 0:
                at += k
                continue
            taken = {0x10: a == operand, 0x20: a > operand, 0x30: a >= operand,
                     0x40: bool(a & operand)}[code & 0xf0]
            at += yes if taken else no
        elif kind == 6:
            return a if code & 0x18 == 0x10 else k
        else:  # A to X, or X to A
            a, x = (x, x) if code & 0x80 else (a, a)


def filters_of(text):
    """{task: Filters}, of what this program printed."""
    found = {}
    for line in text.splitlines():
        task, program = line.split()
        found.setdefault(int(task), Filters([])).programs.append(
            list(INSTRUCTION.iter_unpack(bytes.fromhex(program))))
    return found


class Filters:
    def __init__(self, programs):
        self.programs = programs

    def answer(self, number, *arguments, arch=X86_64):
        """The action that wins: of several filters the strictest one, as signed numbers compare."""
        arguments = [*arguments, *[0] * (6 - len(arguments))]
        data = struct.pack("<iIQ6Q", number, arch, 0, *(n & (1 << 64) - 1 for n in arguments))
        answers = [run(program, data) & 0xffff0000 for program in self.programs]
        return min(answers, key=lambda n: n - (1 << 32) if n >> 31 else n)


if __name__ == "__main__":
    for task in sys.argv[1:]:
        dump(int(task))
