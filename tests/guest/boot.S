/* SPDX-License-Identifier: MIT */
/*
 * From the PVH entry (32-bit, paging off, EBX: struct hvm_start_info; the Xen
 * project's docs/misc/pvh.pandoc) to 64-bit C with the first TiB mapped one to
 * one, the same for the other processors (from real mode), and the entries of all 256
 * interrupt vectors.
 */
#include "boot.h"

#define CR0_PG       0x80000000
#define CR0_PE       0x1
#define CR0_UNCACHED 0x60000000 /* CD and NW, which are set after INIT */
#define CR4_PAE      0x20
#define MSR_EFER     0xc0000080
#define EFER_LME     0x100
#define PAGE         0x03 /* present, writable */
#define LARGE        0x83

	/* All but the bits of CR0, which is left in EAX. */
	.macro	prepare_long_mode
	mov	%cr4, %eax
	or	$CR4_PAE, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_LME, %eax
	wrmsr
	mov	%cr0, %eax
	.endm

	.section .note.pvh, "a", @note
	.balign	4
	.long	4, 8, 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.quad	entry

	.text
	.code32
	.globl	entry
entry:
	cld
	mov	%ebx, %esi
	mov	$stack_top, %esp

	/* One PML4, and a page table of 1 GiB pages for each of its entries in use. */
	xor	%ecx, %ecx
1:	lea	tables_1g(,%ecx,8), %edi
	mov	%ecx, %eax
	shl	$30, %eax
	or	$LARGE, %eax
	mov	%eax, (%edi)
	mov	%ecx, %eax
	shr	$2, %eax
	mov	%eax, 4(%edi)
	inc	%ecx
	cmp	$(MAPPED_GIB), %ecx
	jne	1b
	xor	%ecx, %ecx
2:	mov	%ecx, %eax
	shl	$12, %eax
	add	$(tables_1g + PAGE), %eax
	mov	%eax, pml4(,%ecx,8)
	inc	%ecx
	cmp	$(MAPPED_GIB / 512), %ecx
	jne	2b

	prepare_long_mode
	or	$CR0_PG, %eax
	mov	%eax, %cr0
	lgdt	gdt_pointer
	ljmp	$SELECTOR_CODE, $long_mode

	.code64
long_mode:
	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%esi, %edi
	call	guest_main
3:	cli
	hlt
	jmp	3b

	/* Copied to SMP_TRAMPOLINE, in real mode with CS there: all addresses count from its beginning. */
	.code16
	.globl	smp_trampoline
smp_trampoline:
	cli
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	smp_gdt_pointer - smp_trampoline
	prepare_long_mode
	and	$~CR0_UNCACHED, %eax
	or	$(CR0_PG | CR0_PE), %eax
	mov	%eax, %cr0
	ljmpl	$SELECTOR_CODE, $smp_long_mode
	.balign	4
smp_gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt
	.globl	smp_trampoline_end
smp_trampoline_end:

	.code64
smp_long_mode:
	mov	$SELECTOR_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	/* A stack for each; who finds none stays asleep. */
	mov	$1, %eax
	lock xadd %eax, smp_stacks_taken
	cmp	$SMP_STACKS, %eax
	jae	4f
	inc	%eax
	imul	$SMP_STACK, %eax, %eax
	lea	smp_stacks(%rax), %rsp
	call	smp_main
4:	cli
	hlt
	jmp	4b

/* A stub for each vector, 16 bytes apart; all leave a frame of one shape (struct frame of irq.c). */
	.balign	16
	.globl	irq_stubs
irq_stubs:
	vector = 0
	.rept	256
	.balign	16
	.if	(vector != 8) && (vector < 10 || vector > 14) && (vector != 17) && (vector != 21)
	push	$0
	.endif
	push	$vector
	jmp	stub_common
	vector = vector + 1
	.endr

stub_common:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	mov	%rsp, %rdi
	cld
	call	irq_dispatch
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .rodata
	.balign	8
gdt:	.quad	0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.quad	gdt

	.bss
	.balign	4096
pml4:	.skip	4096
tables_1g:
	.skip	MAPPED_GIB * 8
	.skip	16384
	.balign	16
stack_top:
smp_stacks:
	.skip	SMP_STACKS * SMP_STACK
smp_stacks_taken:
	.skip	4
	.section .note.GNU-stack, "", @progbits
