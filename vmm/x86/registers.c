/* SPDX-License-Identifier: MIT */
/*
 * The first processor at the kernel's entry. 64-bit: flat segments, the first
 * 4 GiB mapped one to one with pages of 2 MiB. PVH: flat 32-bit segments,
 * paging off.
 */
#include <errno.h>

#include "vmm/x86/boot.h"
#include "vmm/x86/layout.h"

enum { CR0_PE = 1, CR0_ET = 1 << 4, CR4_PAE = 1 << 5, EFER_LME = 1 << 8, EFER_LMA = 1 << 10 };
enum { PAGE_PRESENT = 1, PAGE_WRITE = 2, PAGE_LARGE = 1 << 7, ENTRIES = 512, DIRECTORIES = 4 };
enum { BOOT_CS = 0x10, BOOT_DS = 0x18, BOOT_TR = 0x20 };
#define CR0_PG 0x80000000ULL

static struct kvm_segment code_segment(bool long_mode)
{
	return (struct kvm_segment){.limit = 0xffffffff,
				    .selector = BOOT_CS,
				    .type = 11,
				    .present = 1,
				    .s = 1,
				    .db = !long_mode,
				    .l = long_mode,
				    .g = 1};
}

static struct kvm_segment data_segment(void)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = BOOT_DS, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
}

static int put_gdt(const struct memory *memory, bool long_mode, struct kvm_sregs *sregs)
{
	const uint64_t gdt[5] = {0, 0, long_mode ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL,
				 0x00cf93000000ffffULL, 0x00008b0000000067ULL};

	sregs->gdt.base = ADDR_GDT;
	sregs->gdt.limit = sizeof(gdt) - 1;
	sregs->idt.base = 0;
	sregs->idt.limit = 0;
	return memory_put(memory, gpa(ADDR_GDT), gdt, sizeof(gdt));
}

static int put_page_tables(const struct memory *memory)
{
	uint64_t *tables = memory_at(memory, gpa(ADDR_PAGE_TABLES), (2 + DIRECTORIES) * 4096ULL);

	if (!tables)
		return -EFAULT;
	for (unsigned i = 0; i < 2 * ENTRIES; i++)
		tables[i] = 0;
	tables[0] = (ADDR_PAGE_TABLES + 4096) | PAGE_PRESENT | PAGE_WRITE;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		tables[ENTRIES + i] = (ADDR_PAGE_TABLES + (2 + i) * 4096ULL) | PAGE_PRESENT | PAGE_WRITE;
	for (uint64_t i = 0; i < DIRECTORIES * ENTRIES; i++)
		tables[2 * ENTRIES + i] = i << 21 | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
	return 0;
}

int boot_registers(const struct memory *memory, const struct boot_entry *entry, struct kvm_regs *regs,
		   struct kvm_sregs *sregs)
{
	int ret = put_gdt(memory, entry->long_mode, sregs);

	*regs = (struct kvm_regs){.rip = entry->rip, .rsi = entry->rsi, .rbx = entry->rbx, .rflags = 2};
	sregs->cs = code_segment(entry->long_mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data_segment();
	sregs->tr = (struct kvm_segment){.limit = 0x67, .selector = BOOT_TR, .type = 11, .present = 1};
	sregs->cr0 = CR0_PE | CR0_ET;
	if (entry->long_mode && !ret) {
		ret = put_page_tables(memory);
		sregs->cr3 = ADDR_PAGE_TABLES;
		sregs->cr4 = CR4_PAE;
		sregs->cr0 |= CR0_PG;
		sregs->efer = EFER_LME | EFER_LMA;
	}
	return ret;
}
