# SPDX-License-Identifier: MIT
"""Makes a thread of another process make a system call, as somebody would who
has taken it over.

In L1, as root:   python3 intrude.py TASK NUMBER [ARGUMENT]...

An argument is a number, or text, whose address in the thread's stack is given.
It waits until the thread is in a system call, whose instruction is used again.
Prints what the call returned, or "signal N" when it ended the process.
"""

import ctypes
import os
import sys

SEIZE, INTERRUPT, CONT, GETREGS, SETREGS, DETACH = 0x4206, 0x4207, 7, 12, 13, 17
WALL = 0x40000000
# struct user_regs_struct
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss"
         " fs_base gs_base ds es fs gs").split()
ARGUMENTS = "rdi rsi rdx r10 r8 r9".split()
BREAKPOINT, SYSCALL = b"\xcc", b"\x0f\x05"


class Registers(ctypes.Structure):
    _fields_ = [(name, ctypes.c_ulonglong) for name in NAMES]


def main(task, number, *arguments):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long

    def ptrace(request, data=None):
        if libc.ptrace(request, task, None, data) < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    registers, before = Registers(), Registers()

    def is_in_a_call(memory):
        ptrace(INTERRUPT)
        os.waitpid(task, WALL)
        ptrace(GETREGS, ctypes.addressof(registers))
        ptrace(GETREGS, ctypes.addressof(before))
        memory.seek(registers.rip - 2)
        return memory.read(2) == SYSCALL

    ptrace(SEIZE)
    with open(f"/proc/{task}/mem", "r+b", buffering=0) as memory:
        while not is_in_a_call(memory):
            ptrace(CONT)
        code = memory.read(1)
        memory.seek(registers.rip)
        memory.write(BREAKPOINT)
        at = registers.rsp - 1024
        for name, argument in zip(ARGUMENTS, arguments):
            try:
                setattr(registers, name, int(argument, 0))
            except ValueError:
                text = argument.encode() + bytes(1)
                at -= len(text)
                memory.seek(at)
                memory.write(text)
                setattr(registers, name, at)
    registers.rax, registers.orig_rax = number, 2 ** 64 - 1
    registers.rip -= 2
    ptrace(SETREGS, ctypes.addressof(registers))
    ptrace(CONT)
    _, status = os.waitpid(task, WALL)
    if os.WIFSIGNALED(status):
        print("signal", os.WTERMSIG(status))
        return
    ptrace(GETREGS, ctypes.addressof(registers))
    # It goes on as if nothing had been.
    with open(f"/proc/{task}/mem", "r+b", buffering=0) as memory:
        memory.seek(before.rip)
        memory.write(code)
    ptrace(SETREGS, ctypes.addressof(before))
    ptrace(DETACH)
    print(ctypes.c_longlong(registers.rax).value)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2], 0), *sys.argv[3:])
