# SPDX-License-Identifier: MIT
"""Programs for UEFI that do what none should, for the assembler (lab/efi_program.py)."""

UNDEFINED = "ud2"

# No exception can be delivered: the table of interrupts has no room for any.
TRIPLE_FAULT = """
	sub $16, %rsp
	movw $0, (%rsp)
	lidt (%rsp)
	int3
"""
