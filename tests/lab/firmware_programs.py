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

# Numbers without order for fw_cfg and its DMA, the flash chip of the variables, and the port of the
# reset, whose bit for one is left out. DMA goes to the rest of the program's page or to where there is
# no memory, so that the program itself lives. Then a line, and nothing more.
FLOOD = """
	cli
	lea 0x200(%rip), %rsi       # the rest of the page, about
	and $~0xff, %rsi
	mov $0x9e3779b97f4a7c15, %rbx
	mov $20000, %ebp
again:	mov %rbx, %rax              # the next number
	shl $13, %rax
	xor %rax, %rbx
	mov %rbx, %rax
	shr $7, %rax
	xor %rax, %rbx
	mov %rbx, %rax
	shl $17, %rax
	xor %rax, %rbx
	mov %ebx, %eax              # fw_cfg: the selector, and a byte
	mov $0x510, %edx
	out %ax, %dx
	inc %edx
	in %dx, %al
	mov %ebx, %eax              # a descriptor: control, length, address
	and $0x1f00ffff, %eax
	mov %eax, (%rsi)
	mov %ebx, %eax
	shr $21, %eax
	bswap %eax
	mov %eax, 4(%rsi)
	lea 0x40(%rsi), %rax
	test $0x40, %bh
	jz near
	mov %ebx, 4(%rsi)           # any length, where no memory is
	mov %rbx, %rax
	bts $50, %rax
near:	bswap %rax
	mov %rax, 8(%rsi)
	xor %eax, %eax              # where it is: now and then anywhere
	test $0x38, %bl
	jnz high
	mov %ebx, %eax
high:	mov $0x514, %edx
	out %eax, %dx
	mov %esi, %eax
	bswap %eax
	mov $0x518, %edx
	out %eax, %dx
	mov %rbx, %rdi              # flash: a command or a byte
	shr $24, %rdi
	and $0x7ffff, %edi
	mov $0xffc00000, %eax
	add %rax, %rdi
	mov %bl, (%rdi)
	mov (%rdi), %al
	mov %bh, %al                # the reset port
	and $~4, %al
	mov $0xcf9, %edx
	out %al, %dx
	dec %ebp
	jnz again
	lea said(%rip), %rsi
	mov $0x3f8, %edx
next:	lodsb
	out %al, %dx
	test %al, %al
	jnz next
stop:	jmp stop
said:	.asciz "\\r\\nlend-flood: over\\r\\n"
"""
